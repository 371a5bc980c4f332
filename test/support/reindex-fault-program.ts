/**
 * Makes the index of one sealed task anew, and fails in it where fault-injection.ts, loaded before it,
 * is told to. Arguments: the store, the task. Prints, as JSON, how many calls there were and what came of it.
 */

import { reindexTask } from '../../src/archive/maintain/index.ts';
import { loadIdentities, openStore, parseTaskName } from '../../src/store/index.ts';
import { arm, counts } from './fault-injection.ts';

const [storePath = '', name = ''] = process.argv.slice(2);
const store = openStore(storePath);
const identities = await loadIdentities(store);
await Promise.all(['age-encryption', 'mime'].map((module) => import(module)));
arm();
const { rebuilt } = await reindexTask(store, parseTaskName(name), { identities });
process.stdout.write(JSON.stringify({ ...counts(), rebuilt }));
