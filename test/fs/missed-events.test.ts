import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { type FileEvent, TOP } from '../../src/fs/index.ts';
import { createFileSystem } from '../../src/fs/store-file-system.ts';
import { ReplayQueue } from '../../src/fuse/replay/queue.ts';
import { createStore } from '../../src/store/index.ts';
import { S_IFREG } from '../../src/sys/index.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/until.ts';

const NOBODY = { uid: 0, gid: 0, pid: 0 };

const nameOf = (event: FileEvent): string =>
  Buffer.from((event.kind === 'move' ? event.to : event.at)?.name ?? '').toString();

test('changes for which there was no place are found by their times', async () => {
  const store = createStore(join(temporaryDirectory(), 'store'));
  const staging = join(store.staging, 'one');
  mkdirSync(staging);
  const path = (name: string) => join(staging, name);
  for (const name of ['kept', 'changed', 'moved']) writeFileSync(path(name), '1');
  const fileSystem = createFileSystem(store, { cacheLeases: true });
  onTestFinished(() => fileSystem.close());
  const { node } = fileSystem.lookup(TOP.live, Buffer.from('one'), NOBODY);
  fileSystem.observe?.([node]);
  fileSystem.takeChanges?.();
  fileSystem.takeEvents?.();
  const made = Math.max(...readdirSync(staging).map((name) => statSync(path(name)).ctimeMs));
  await until('the clock to go on', () => Date.now() > made + 200);
  fileSystem.takeChanges?.();

  for (let at = 0; at < 1000; at++) writeFileSync(path(`new-${at}`), '');
  appendFileSync(path('changed'), '2');
  renameSync(path('moved'), path('moved here'));
  fileSystem.takeChanges?.();
  expect(fileSystem.takeEvents?.().length).toBeGreaterThan(1000);
  expect(fileSystem.takeMissed?.()).toBeUndefined();
  fileSystem.missed?.();
  const found: FileEvent[] = [];
  for (let some = fileSystem.takeMissed?.(); some; some = fileSystem.takeMissed?.()) {
    expect(some.length).toBeLessThan(100);
    found.push(...some);
  }
  const created = found.filter(({ kind }) => kind === 'create').map(nameOf);
  expect(created.toSorted()).toEqual(
    readdirSync(staging)
      .filter((name) => name.startsWith('new-'))
      .toSorted(),
  );
  const others = found.filter(({ kind }) => kind !== 'create');
  expect(others.map((event) => [event.kind, nameOf(event)]).toSorted()).toEqual([
    ['move', 'changed'],
    ['move', 'moved here'],
  ]);
});

test('a full queue says that it lost what can be found again, and keeps removals', () => {
  const queue = new ReplayQueue({ changes: 2, all: 3 });
  const add = (kind: 'create' | 'delete', name: string) =>
    queue.add({ kind, at: { directory: 1, name: Buffer.from(name) }, mode: S_IFREG });
  add('create', 'a');
  add('create', 'b');
  expect(queue.takeLoss()).toBe(false);
  add('create', 'c');
  expect(queue.takeLoss()).toBe(true);
  add('delete', 'z');
  expect(queue.takeLoss()).toBe(false);
  expect(queue.isAbout({ directory: 1, name: 'z' })).toBe(true);
  expect(queue.isAbout({ directory: 1, name: 'c' })).toBe(false);
  add('delete', 'y');
  expect(queue.takeLoss()).toBe(true);
  expect(queue.take(9)).toMatchObject([
    { kind: 'file', at: { name: 'a' }, created: true },
    { kind: 'file', at: { name: 'b' }, created: true },
    { kind: 'delete', at: { name: 'z' } },
  ]);
  expect(queue.isAbout({ directory: 1, name: 'z' })).toBe(false);
});
