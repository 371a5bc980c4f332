/**
 * Run by test/support/mount.ts and the benches, as root or as a plain user: makes a store with
 * live tasks and mounts it in the background. Arguments: a directory of its own, and mount options
 * and the tasks' names as JSON. Prints JSON.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { taskfsMountAt } from '../../src/mount/index.ts';
import { mountInBackground } from '../../src/server/index.ts';
import type { MountOptions } from '../../src/server/serve-mount.ts';
import {
  createRecord,
  createStore,
  newRecord,
  parseTaskName,
  type Store,
  taskPaths,
  taskSpec,
} from '../../src/store/index.ts';

const [base, json] = process.argv.slice(2);
if (!base || !json) throw new Error('usage: mount-program.ts DIRECTORY OPTIONS');
const { tasks, ...options } = JSON.parse(json) as MountOptions & { tasks: string[] };
const store = createStore(join(base, 'store'));
for (const name of tasks) makeLiveTask(store, name);
const mountpoint = join(base, 'mount');
// A dead mount left there cannot even be stat'ed; taskfs decides whether it is in the way.
if (!taskfsMountAt(mountpoint)) mkdirSync(mountpoint, { recursive: true });
const mount = await mountInBackground(store, mountpoint, options);
process.stdout.write(JSON.stringify({ store, ...mount }));

function makeLiveTask(store: Store, name: string): void {
  const task = parseTaskName(name);
  const paths = taskPaths(store, task);
  mkdirSync(paths.directory, { mode: 0o700 });
  mkdirSync(paths.staging, { mode: 0o700 });
  createRecord(paths.record, newRecord(task, taskSpec(['true'])));
}
