/**
 * The runner as a process of its own, for tests that kill supervisors: `VERB --store DIR`.
 * `run` reads a submission (JSON) from stdin and supervises it in the foreground; `recover`
 * recovers everything and prints what it did.
 */
import { text } from 'node:stream/consumers';
import { recover, submit, superviseTask } from '../../src/runner/index.ts';
import { openStore } from '../../src/store/index.ts';

const [, , verb, , path = ''] = process.argv;
const store = openStore(path);

if (verb === 'run') {
  const claim = submit(store, JSON.parse(await text(process.stdin)));
  const { stdout, stderr } = process;
  const say = (words: string): void => void stderr.write(`${words}\n`);
  const record = await superviseTask(claim, {}, { stdout, stderr, say });
  process.exitCode = record.status === 'completed' ? 0 : 1;
}
if (verb === 'recover') {
  const done = await recover(store, { scope: 'all' });
  process.stdout.write(JSON.stringify(done));
}
