/**
 * Recovers one task that has ended and is not sealed, as `taskfs recover` does, and fails in it
 * where fault-injection.ts, loaded before it, is told to. Arguments: the store, the task. Prints, as JSON, how
 * many calls there were and what became of the task.
 */
import { recoverTask } from '../../src/runner/index.ts';
import { openStore, parseTaskName } from '../../src/store/index.ts';
import { arm, counts } from './fault-injection.ts';

const [storePath = '', name = ''] = process.argv.slice(2);
const store = openStore(storePath);
const modules = ['age-encryption', 'mime', '../../src/archive/write/seal.ts'];
await Promise.all(modules.map((module) => import(module)));
arm();
const options = { scope: 'all' } as const;
const recovery = await recoverTask(store, parseTaskName(name), options);
process.stdout.write(JSON.stringify({ ...counts(), outcome: recovery?.outcome ?? 'none' }));
