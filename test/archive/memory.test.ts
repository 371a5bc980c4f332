import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { readSeal } from '../../src/archive/seal-record.ts';
import { endedTask, storeWithKeys } from '../support/sealable.ts';

const run = promisify(execFile);
const program = join(import.meta.dirname, '../../bench/archive/seal-program.ts');

/** What sealing may take, however many files there are. */
const BOUND_MIB = 250;
const DIRECTORIES = 100;
const IN_EACH = 600;
/**
 * Long names make long lines of the index: what grows with the number of files grows four times as
 * fast.
 */
const NAME = 'n'.repeat(240);

test(`sealing many files takes less than ${BOUND_MIB} MiB (see bench archive memory)`, async () => {
  const { store, task, paths } = endedTask(await storeWithKeys(), 'many');
  for (let directory = 0; directory < DIRECTORIES; directory++) {
    const path = join(paths.staging, String(directory));
    mkdirSync(path);
    for (let file = 0; file < IN_EACH; file++) writeFileSync(join(path, `${NAME}-${file}`), 'x');
  }
  const { stdout } = await run(process.execPath, [program, store.path, task]);
  const { rssMib } = JSON.parse(stdout) as { rssMib: number };
  expect(rssMib).toBeLessThan(BOUND_MIB);
  expect(readSeal(paths.archive).fileCount).toBe(DIRECTORIES * IN_EACH);
}, 300_000);
