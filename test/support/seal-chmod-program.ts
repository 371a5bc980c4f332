/**
 * Seals a task; with `kill` as its last argument it is killed while a file has a temporary mode.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { sealTask } from '../../src/archive/write/index.ts';
import { openStore, parseTaskName } from '../../src/store/index.ts';

const [storePath = '', name = '', how] = process.argv.slice(2);
const { openSync } = fs;
const killAtTemporaryMode: typeof openSync = (path, ...rest) => {
  if (how === 'kill' && String(path).startsWith('/proc/self/fd/')) {
    process.kill(process.pid, 'SIGKILL');
  }
  return openSync(path, ...rest);
};
Object.assign(fs, { openSync: killAtTemporaryMode });
syncBuiltinESMExports();
await sealTask(openStore(storePath), parseTaskName(name));
