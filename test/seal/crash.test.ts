import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { loadIdentities } from '../../src/store/keys.ts';
import { openArchive } from '../../src/store/seal/reader.ts';
import { removePlaintext, sealTask } from '../../src/store/seal/seal.ts';
import { unlockArchive } from '../../src/store/seal/unlock.ts';
import { verifyArchives } from '../../src/store/seal/verify.ts';
import { endedTask, type SealableTask, storeWithKeys } from '../support/sealable.ts';

const program = join(import.meta.dirname, '../support/seal-fault-program.ts');
const run = promisify(execFile);
const content = Buffer.alloc(100_000, 'content');

function newTask(store: SealableTask['store'], name: string): SealableTask {
  const sealable = endedTask(store, name);
  mkdirSync(join(sealable.paths.staging, 'directory'));
  writeFileSync(join(sealable.paths.staging, 'directory/file'), content);
  return sealable;
}

const seal = ({ store, task }: SealableTask, mode: string, at: number) =>
  run(process.execPath, [program, store.path, task, mode, String(at)]);

/** At every instant either the plaintext or the sealed archive is whole. */
async function isSafe({ store, paths }: SealableTask): Promise<boolean> {
  const file = join(paths.staging, 'directory/file');
  const isPlain = existsSync(file) && readFileSync(file).equals(content) && existsSync(paths.log);
  if (isPlain) expect(statSync(paths.staging).mode & 0o777).toBe(0o700);
  if (!existsSync(paths.archive)) return isPlain;
  const reader = openArchive(
    paths.archive,
    await unlockArchive(paths.archive, await loadIdentities(store)),
  );
  try {
    const directory = reader.lookup(reader.root(), Buffer.from('directory'));
    const entry = directory && reader.lookup(directory, Buffer.from('file'));
    const bytes = Buffer.alloc(entry?.size ?? 0);
    if (entry) reader.read(entry, bytes, 0);
    return bytes.equals(content) && reader.logSize() > 0;
  } finally {
    reader.close();
  }
}

// A killed process costs half a second: all of them in the long form, one in nine otherwise.
const step = process.env.TASKFS_LONG === '1' ? 1 : 9;

test.each([
  ['kill', 'SIGKILL'],
  ['error', 'EIO'],
])(
  `a seal cut short by %s at any call (TASKFS_LONG=1: every one, else each ${step}th) is finished later`,
  async (mode) => {
    const store = await storeWithKeys();
    const { stdout } = await seal(newTask(store, 'whole'), mode, 0);
    const calls = Number(stdout);
    expect(calls).toBeGreaterThan(50);
    let interrupted = 0;
    for (let at = 1; at <= calls; at += step) {
      const sealable = newTask(store, `cut-${at}`);
      const survived = await seal(sealable, mode, at).then(
        () => true,
        () => false,
      );
      if (!survived) interrupted++;
      expect(await isSafe(sealable), `after call ${at}`).toBe(true);
      await sealTask(store, sealable.task);
      removePlaintext(store, sealable.task);
      expect(await isSafe(sealable), `recovered from call ${at}`).toBe(true);
      expect(existsSync(sealable.paths.staging)).toBe(false);
    }
    expect(interrupted).toBeGreaterThan(calls / step / 2);
    expect(readdirSync(store.archive).filter((name) => name.startsWith('.'))).toEqual([]);
    expect(readdirSync(store.staging)).toEqual([]);
    const identities = await loadIdentities(store);
    expect((await verifyArchives(store, { deep: true, identities })).findings).toEqual([]);
  },
  600_000,
);
