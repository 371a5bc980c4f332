import { execFile, execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import type { IndexEntry } from '../../src/archive/index.ts';
import { endedTask, openSealed, type SealableTask, storeWithKeys } from '../support/sealable.ts';

const program = join(import.meta.dirname, '../support/seal-chmod-program.ts');
const run = promisify(execFile);
const NOBODY = 65534;

/** Seals as a plain user, who reads what the modes say and nothing else. */
function seal({ store, task }: SealableTask, ...how: string[]): Promise<unknown> {
  const command = [process.execPath, program, store.path, task, ...how];
  if (process.geteuid?.() !== 0) return run(command[0] ?? '', command.slice(1));
  const ids = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', '--'];
  return run('setpriv', [...ids, ...command]);
}

async function taskWithClosedFiles(): Promise<SealableTask> {
  const sealable = endedTask(await storeWithKeys(), 'closed');
  const { store, paths } = sealable;
  const closed = join(paths.staging, 'closed');
  mkdirSync(closed);
  writeFileSync(join(closed, 'secret'), 'hidden');
  writeFileSync(join(paths.staging, 'other'), 'open');
  if (process.geteuid?.() === 0) {
    chmodSync(dirname(store.path), 0o755);
    execFileSync('chown', ['-R', `${NOBODY}:${NOBODY}`, store.path]);
  }
  chmodSync(join(closed, 'secret'), 0);
  chmodSync(closed, 0);
  return sealable;
}

const modeOf = (path: string): number => statSync(path).mode & 0o7777;

/** Modes in the archive: of the directory, and of the file in it. */
async function archivedModes({ store, task }: SealableTask): Promise<number[]> {
  const reader = await openSealed(store, task);
  const find = (parent: IndexEntry, name: string): IndexEntry => {
    const found = reader.lookup(parent, Buffer.from(name));
    if (!found) throw new Error(`${name} is not in the archive`);
    return found;
  };
  const closed = find(reader.root(), 'closed');
  return [closed.mode, find(closed, 'secret').mode];
}

test('a kill while a file has a temporary mode does not change the sealed mode', async () => {
  const sealable = await taskWithClosedFiles();
  const closed = join(sealable.paths.aside, 'closed');
  await expect(seal(sealable, 'kill')).rejects.toMatchObject({ signal: 'SIGKILL' });
  expect(modeOf(closed)).toBe(0o700);
  expect(existsSync(sealable.paths.archive)).toBe(false);
  await seal(sealable);
  expect(await archivedModes(sealable)).toEqual([0, 0]);
  expect(existsSync(join(sealable.paths.directory, 'lent-modes'))).toBe(false);
});

test('what took the place of a file with a temporary mode keeps its own', async () => {
  const sealable = await taskWithClosedFiles();
  const closed = join(sealable.paths.aside, 'closed');
  await expect(seal(sealable, 'kill')).rejects.toMatchObject({ signal: 'SIGKILL' });
  const outside = join(sealable.store.path, 'outside');
  writeFileSync(outside, 'mine', { mode: 0o640 });
  chmodSync(outside, 0o640);
  execFileSync('mv', [join(closed, 'secret'), join(closed, 'moved')]);
  symlinkSync(outside, join(closed, 'secret'));
  await seal(sealable);
  expect(modeOf(outside)).toBe(0o640);
  expect((await archivedModes(sealable))[0]).toBe(0);
});
