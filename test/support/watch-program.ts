/** The watch as a process of its own: `node watch-program.ts STORE [TASK]`. */
import { openStore, parseTaskName } from '../../src/store/index.ts';
import { watchEvents } from '../../src/watch/index.ts';

const [path = '', name] = process.argv.slice(2);
const task = name === undefined ? undefined : parseTaskName(name);
for await (const event of watchEvents(openStore(path), task)) {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}
