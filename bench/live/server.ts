import { mkdirSync } from 'node:fs';
import type { DriverName } from '../../src/fs/index.ts';
import {
  createRecord,
  createStore,
  newRecord,
  parseTaskName,
  taskPaths,
} from '../../src/store/index.ts';

/**
 * A store with one running task, mounted by a driver until the process is told to end:
 * `server.ts STORE MOUNTPOINT DRIVER PASSTHROUGH`. Prints `ready` and why passthrough is off, if it is.
 */
const [, , path = '', mountpoint = '', driver = 'kernel', passthrough = ''] = process.argv;
const task = parseTaskName('bench');
const store = createStore(path);
const paths = taskPaths(store, task);
for (const directory of [paths.staging, paths.directory]) mkdirSync(directory, { recursive: true });
createRecord(
  paths.record,
  newRecord(task, {
    command: ['true'],
    cwd: null,
    engine: 'process',
    image: null,
    env: [],
    timeoutMs: null,
    retries: 0,
    maxRunning: null,
    options: {},
  }),
);
const { serve } = (await import(`../../src/fs/${driver as DriverName}/serve.ts`)) as {
  serve: import('../../src/fs/driver.ts').Serve;
};
const served = await serve(mountpoint, {
  store,
  core: {},
  allowOther: false,
  readOnly: false,
  nosymfollow: false,
  passthrough: passthrough === 'passthrough',
});
process.stdout.write(`ready ${served.notes.join('; ')}\n`);
// The bench takes the mount away itself; one that is still in use goes with this process.
process.once('SIGTERM', () => served.unmount().catch(() => process.exit(1)));
await served.ended;
