/** The watch as a process of its own: `node watch-program.ts STORE events|tree [TASK]`. */
import { openStore, parseTaskName } from '../../src/store/index.ts';
import { showTree, watchEvents } from '../../src/watch/index.ts';

const [path = '', form, name] = process.argv.slice(2);
const store = openStore(path);
const task = name === undefined ? undefined : parseTaskName(name);
if (form === 'tree') {
  await showTree(store, task, { input: process.stdin, output: process.stdout, color: true });
} else {
  for await (const event of watchEvents(store, task)) {
    process.stdout.write(`${JSON.stringify(event)}\n`);
  }
}
