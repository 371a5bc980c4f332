/** Seals a task; with `kill` as its last word it is killed while the right to read is lent to a file. */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { sealTask } from '../../src/archive/write/index.ts';
import { openStore, parseTaskName } from '../../src/store/index.ts';

const [storePath = '', name = '', how] = process.argv.slice(2);
const { openSync } = fs;
const killAtLentFile: typeof openSync = (path, ...rest) => {
  if (how === 'kill' && String(path).startsWith('/proc/self/fd/')) {
    process.kill(process.pid, 'SIGKILL');
  }
  return openSync(path, ...rest);
};
Object.assign(fs, { openSync: killAtLentFile });
syncBuiltinESMExports();
await sealTask(openStore(storePath), parseTaskName(name));
