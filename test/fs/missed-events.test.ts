import {
  appendFileSync,
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { type FileEvent, type FileSystem, TOP } from '../../src/fs/index.ts';
import { KnownNames } from '../../src/fs/live/known-names.ts';
import { createFileSystem } from '../../src/fs/store-file-system.ts';
import { ReplayQueue } from '../../src/fuse/inotify/queue.ts';
import { createStore } from '../../src/store/index.ts';
import { S_IFREG } from '../../src/sys/index.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/until.ts';

const NOBODY = { uid: 0, gid: 0, pid: 0 };

const nameOf = (event: FileEvent): string =>
  Buffer.from((event.kind === 'move' ? event.to : event.at)?.name ?? '').toString();

/** A file system with a live task `one`, and how what happens in its directory is observed. */
function newTask() {
  const store = createStore(join(temporaryDirectory(), 'store'));
  const staging = join(store.staging, 'one');
  mkdirSync(staging);
  const fileSystem = createFileSystem(store, { cacheLeases: true });
  onTestFinished(() => fileSystem.close());
  const node = fileSystem.lookup(TOP.live, Buffer.from('one'), NOBODY)?.node ?? 0;
  const observe = () => {
    fileSystem.observe?.([node]);
    fileSystem.takeChanges?.();
    fileSystem.takeEvents?.();
  };
  return { staging, path: (name: string) => join(staging, name), fileSystem, observe };
}

function takeMissed(fileSystem: FileSystem): FileEvent[] {
  const found: FileEvent[] = [];
  for (let some = fileSystem.takeMissed?.(); some; some = fileSystem.takeMissed?.()) {
    expect(some.length).toBeLessThan(100);
    found.push(...some);
  }
  return found;
}

test('changes for which there was no place are found by times and names', async () => {
  const { staging, path, fileSystem, observe } = newTask();
  for (const name of ['kept', 'changed', 'moved', 'gone']) writeFileSync(path(name), '1');
  mkdirSync(path('gone directory'));
  observe();
  const made = Math.max(...readdirSync(staging).map((name) => statSync(path(name)).ctimeMs));
  await until('the clock to go on', () => Date.now() > made + 200);
  fileSystem.takeChanges?.();

  for (let at = 0; at < 1000; at++) writeFileSync(path(`new-${at}`), '');
  appendFileSync(path('changed'), '2');
  renameSync(path('moved'), path('moved here'));
  rmSync(path('gone'));
  rmdirSync(path('gone directory'));
  fileSystem.takeChanges?.();
  const lost = fileSystem.takeEvents?.() ?? [];
  expect(lost.length).toBeGreaterThan(1000);
  expect(fileSystem.takeMissed?.()).toBeUndefined();
  fileSystem.missed?.(lost);
  const found = takeMissed(fileSystem);
  const created = found.filter(({ kind }) => kind === 'create').map(nameOf);
  expect(created.toSorted()).toEqual(
    readdirSync(staging)
      .filter((name) => name.startsWith('new-'))
      .toSorted(),
  );
  const others = found.filter(({ kind }) => kind !== 'create');
  expect(others.map((event) => [event.kind, nameOf(event)]).toSorted()).toEqual([
    ['delete', 'gone'],
    ['delete', 'gone directory'],
    ['delete', 'moved'],
    ['move', 'changed'],
    ['move', 'moved here'],
  ]);
});

test('removals for which the kernel had no place are found by names, each once', () => {
  const { path, fileSystem, observe } = newTask();
  const limit = Number(readFileSync('/proc/sys/fs/inotify/max_queued_events', 'utf8'));
  const count = limit + 500;
  writeFileSync(path('0'), '');
  for (let at = 1; at < count; at++) linkSync(path('0'), path(String(at)));
  observe();
  for (let at = 0; at < count; at++) unlinkSync(path(String(at)));
  fileSystem.takeChanges?.();
  const heard = fileSystem.takeEvents?.() ?? [];
  expect(heard.length).toBeLessThan(count);
  const found = takeMissed(fileSystem);
  const all = [...heard, ...found];
  expect(all.every(({ kind }) => kind === 'delete')).toBe(true);
  expect(new Set(all.map(nameOf)).size).toBe(count);
  expect(all).toHaveLength(count);
});

test('names for which there is no place are not remembered', () => {
  const names = new KnownNames(2);
  const directory = temporaryDirectory();
  const read = (node: number) => {
    const fd = openSync(directory, 'r');
    names.read(node, fd);
    closeSync(fd);
  };
  writeFileSync(join(directory, 'a'), '');
  read(1);
  read(2);
  expect(names.takeGone(1, [])).toEqual([{ name: 'a', isDirectory: false }]);
  names.add(2, 'b', true);
  names.add(1, 'c', false);
  expect(names.takeGone(1, [])).toEqual([]);
  expect(names.takeGone(2, [Buffer.from('a')])).toEqual([{ name: 'b', isDirectory: true }]);
  expect(names.remove(2, 'b')).toBe(false);
  names.lost();
  expect(names.remove(2, 'b')).toBe(true);
});

test('a full queue refuses what can be found again, and keeps removals', () => {
  const queue = new ReplayQueue({ changes: 2, all: 3 });
  const add = (kind: 'create' | 'delete', name: string) =>
    queue.add({ kind, at: { directory: 1, name: Buffer.from(name) }, mode: S_IFREG });
  expect(add('create', 'a')).toBe(true);
  expect(add('create', 'b')).toBe(true);
  expect(add('create', 'c')).toBe(false);
  expect(add('delete', 'z')).toBe(true);
  expect(queue.isAbout({ directory: 1, name: 'z' })).toBe(true);
  expect(queue.isAbout({ directory: 1, name: 'c' })).toBe(false);
  expect(add('delete', 'y')).toBe(false);
  expect(queue.take(9)).toMatchObject([
    { kind: 'file', at: { name: 'a' }, created: true },
    { kind: 'file', at: { name: 'b' }, created: true },
    { kind: 'delete', at: { name: 'z' } },
  ]);
  expect(queue.isAbout({ directory: 1, name: 'z' })).toBe(false);
});

test('reports are urgent while the kernel may hold what they make old', async () => {
  const { path, fileSystem, observe } = newTask();
  mkdirSync(path('at-rest'));
  writeFileSync(path('at-rest/file'), '');
  observe();
  const node = fileSystem.lookup(TOP.live, Buffer.from('one'), NOBODY)?.node ?? 0;
  const look = (directory: number, name: string) =>
    fileSystem.lookup(directory, Buffer.from(name), NOBODY);
  const atRest = look(node, 'at-rest')?.node ?? 0;
  expect(fileSystem.isAnythingCached?.()).toBe(false);
  await until('a lease', () => (look(atRest, 'file')?.entryTtlMs ?? 0) > 0);
  expect(fileSystem.isAnythingCached?.()).toBe(true);

  appendFileSync(path('at-rest/file'), '1');
  const changes = fileSystem.takeChanges?.() ?? [];
  expect(changes.map(({ name }) => Buffer.from(name).toString())).toContain('file');
  expect(fileSystem.isAnythingCached?.()).toBe(false);
  expect(look(atRest, 'file')?.entryTtlMs).toBe(0);
  expect(fileSystem.isAnythingCached?.()).toBe(false);

  // The names in live/ are asked for each time, those of logs are not.
  fileSystem.observe?.([node, TOP.logs]);
  expect(fileSystem.isAnythingCached?.()).toBe(true);
});
