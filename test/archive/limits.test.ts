/**
 * A task can make its tree as strange as it likes: it does not become gigabytes, or what no reader
 * takes.
 */
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openDecrypted } from '../../src/age/index.ts';
import { partialPath, unlockArchive } from '../../src/archive/index.ts';
import { assertSealable, HeaderLimits } from '../../src/archive/limits.ts';
import { sealTask } from '../../src/archive/write/index.ts';
import { exportTree, openTree } from '../../src/artifacts/index.ts';
import { loadIdentities, readRecord, replaceRecord } from '../../src/store/index.ts';
import { AT, mkdirAt, openAt, type Stat } from '../../src/sys/index.ts';
import type { Member } from '../../src/tar/index.ts';
import { MAX_EXTENSION } from '../../src/tar/index.ts';
import { endedTask, openSealed, type SealableTask, storeWithKeys } from '../support/sealable.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const MIB = 1024 * 1024;
const O_DIRECTORY = 0o200000;

/** Directories in each other, far deeper than a path can be. */
function nest(top: string, depth: number, name: string): void {
  let fd = openAt(AT.FDCWD, top, O_DIRECTORY);
  for (let level = 0; level < depth; level++) {
    mkdirAt(fd, name, 0o755);
    const below = openAt(fd, name, O_DIRECTORY);
    closeSync(fd);
    fd = below;
  }
  closeSync(fd);
}

/** A file of some bytes of data at each multiple of a gap. */
function spread(path: string, count: number, gap: number): void {
  const fd = openSync(path, 'w');
  for (let number = 0; number < count; number++)
    writeSync(fd, Buffer.from(`stretch ${number}`), 0, undefined, number * gap);
  closeSync(fd);
}

/** What the directories and files of an archive take. */
const sizeOf = (path: string): number =>
  Number(execFileSync('du', ['-s', '-B1', path]).toString().split('\t')[0]);

test('1,500 nested directories of long names keep their task and write no gigabytes', async () => {
  const { store, task, paths } = endedTask(await storeWithKeys(), 'deep');
  mkdirSync(join(paths.staging, 'outer'));
  nest(join(paths.staging, 'outer'), 1500, 'n'.repeat(255));
  await expect(sealTask(store, task)).rejects.toMatchObject({
    kind: 'failed',
    message: expect.stringMatching(/task deep cannot be archived: "outer\/nnn.*lies so deep/),
  });
  expect(existsSync(partialPath(store, task))).toBe(false);
  expect(existsSync(join(paths.staging, 'outer'))).toBe(true);
});

test('4,000 with short names are sealed, and further names of a file there are right', async () => {
  const { store, task, paths } = endedTask(await storeWithKeys(), 'short');
  nest(paths.staging, 4000, 'd');
  const deep = join(paths.staging, ...Array(1000).fill('d'));
  writeFileSync(join(deep, 'file'), 'content');
  execFileSync('ln', [join(deep, 'file'), join(deep, 'd/again')]);
  execFileSync('ln', [join(deep, 'file'), join(paths.staging, 'first')]);
  await sealTask(store, task);
  expect(sizeOf(paths.archive)).toBeLessThan(32 * MIB);
  const reader = await openSealed(store, task);
  let here = reader.root();
  for (let level = 0; level < 1000; level++) {
    const below = reader.lookup(here, Buffer.from('d'));
    if (below) here = below;
  }
  const file = reader.lookup(here, Buffer.from('file'));
  expect(file?.position).toBe(reader.lookup(reader.root(), Buffer.from('first'))?.position);
  expect(file).toMatchObject({ nlink: 3, size: 7 });
});

async function tarOf({ store, paths }: SealableTask): Promise<string> {
  const keys = await unlockArchive(paths.archive, await loadIdentities(store));
  const opened = openDecrypted(join(paths.archive, 'artifacts.tar.enc'), keys.artifacts);
  const bytes = Buffer.alloc(opened.size);
  opened.read(bytes, 0);
  opened.close();
  const path = join(temporaryDirectory(), 'tar');
  writeFileSync(path, bytes);
  return path;
}

test('thousands of evenly spaced holes stay: sealed, exported, and by GNU tar', async () => {
  const sealable = endedTask(await storeWithKeys(), 'sparse');
  const { store, task, paths } = sealable;
  const COUNT = 6000;
  const GAP = 8192;
  spread(join(paths.staging, 'spread'), COUNT, GAP);
  const staged = readFileSync(join(paths.staging, 'spread'));
  const { blocks } = statSync(join(paths.staging, 'spread'));
  await sealTask(store, task);
  expect(sizeOf(paths.archive)).toBeLessThan(blocks * 512 + 2 * MIB);
  replaceRecord(paths.record, readRecord(paths.record, task), { artifacts: 'sealed' });

  const reader = await openSealed(store, task);
  const entry = reader.lookup(reader.root(), Buffer.from('spread'));
  if (!entry) throw new Error('it is not there');
  expect(entry.extents?.length).toBe(COUNT);
  for (const number of [0, 1, 2999, 5999]) {
    const into = Buffer.alloc(64);
    reader.read(entry, into, Math.max(0, number * GAP - 8));
    const from = Math.max(0, number * GAP - 8);
    expect(
      into.compare(
        staged,
        from,
        Math.min(staged.length, from + 64),
        0,
        Math.min(64, staged.length - from),
      ),
    ).toBe(0);
  }

  const out = join(temporaryDirectory(), 'out');
  using tree = await openTree(store, task, () => loadIdentities(store));
  using top = tree.find('', 'keep');
  exportTree(top, out);
  const extracted = temporaryDirectory();
  execFileSync('tar', ['-C', extracted, '-xf', await tarOf(sealable)]);
  for (const directory of [out, extracted]) {
    expect(readFileSync(join(directory, 'spread')).equals(staged)).toBe(true);
    expect(statSync(join(directory, 'spread')).blocks).toBeLessThan(1.05 * blocks);
  }
});

test('a thousand pipes are named, and more are counted', async () => {
  const { store, task, paths } = endedTask(await storeWithKeys(), 'pipes');
  const names = Array.from({ length: 1100 }, (_, number) => join(paths.staging, `pipe-${number}`));
  execFileSync('mkfifo', names);
  const { skipped, skippedCount } = await sealTask(store, task);
  expect([skipped.length, skippedCount]).toEqual([1000, 1100]);
});

test('names and attributes that no reader takes are refused', () => {
  const path = Buffer.from('path');
  const stat = { mode: 0o100644, size: 1n } as Stat;
  expect(() => assertSealable(path, Buffer.alloc(255, 'n'), stat)).not.toThrow();
  expect(() => assertSealable(path, Buffer.alloc(256, 'n'), stat)).toThrow('256 bytes');
  const member = { path } as Member;
  expect(() => new HeaderLimits().count(path, member, MAX_EXTENSION)).not.toThrow();
  expect(() => new HeaderLimits().count(path, member, MAX_EXTENSION + 1)).toThrow('attributes');
});
