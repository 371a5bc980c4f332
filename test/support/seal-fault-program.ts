/**
 * Seals a task and removes its plaintext, as recovery does, and fails at the N-th call of node:fs:
 * with an error, or by SIGKILL. Prints how many calls there were. N 0: none fails.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { openStore, parseTaskName } from '../../src/store/index.ts';
import { removePlaintext, sealTask } from '../../src/store/seal/seal.ts';

const [storePath = '', name = '', mode = 'error', at = '0'] = process.argv.slice(2);
const CALLS = [
  'openSync',
  'closeSync',
  'readSync',
  'writeSync',
  'fsyncSync',
  'fstatSync',
  'ftruncateSync',
  'mkdirSync',
  'renameSync',
  'readFileSync',
  'writeFileSync',
] as const;

let calls = 0;

function failAt<T extends (...args: never[]) => unknown>(call: T): T {
  return ((...args: never[]) => {
    calls++;
    if (calls === Number(at)) {
      if (mode === 'kill') process.kill(process.pid, 'SIGKILL');
      throw Object.assign(new Error('EIO: injected'), { code: 'EIO', errno: -5 });
    }
    return call(...args);
  }) as T;
}

const store = openStore(storePath);
await Promise.all([import('age-encryption'), import('mime'), import('tar')]);
for (const call of CALLS) Object.assign(fs, { [call]: failAt(fs[call] as never) });
syncBuiltinESMExports();
const task = parseTaskName(name);
await sealTask(store, task);
removePlaintext(store, task);
process.stdout.write(String(calls));
