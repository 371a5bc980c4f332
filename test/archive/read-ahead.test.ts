import { openSync, renameSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { expect, onTestFinished, test, vi } from 'vitest';
import { SLOT } from '../../src/age/chunk-cache.ts';
import { CHUNK, ChunkCache, ENCRYPTED_CHUNK, ReadAhead } from '../../src/age/index.ts';
import {
  type ArchiveReader,
  type IndexEntry,
  openArchive,
  unlockArchive,
} from '../../src/archive/index.ts';
import { sealTask } from '../../src/archive/write/index.ts';
import { loadIdentities } from '../../src/store/index.ts';
import { endedTask, type SealableTask, storeWithKeys } from '../support/sealable.ts';

const SIZE = 100 * CHUNK + 1234;

/** A sealed task with one file, each byte of which tells its place. */
async function sealed(): Promise<SealableTask & { content: Buffer }> {
  const sealable = endedTask(await storeWithKeys(), 'long');
  const content = Buffer.alloc(SIZE);
  for (let at = 0; at + 4 <= SIZE; at += 4)
    content.writeUInt32LE((at * 2_654_435_761) % 2 ** 32, at);
  writeFileSync(join(sealable.paths.staging, 'file'), content);
  await sealTask(sealable.store, sealable.task);
  return { ...sealable, content };
}

/**
 * Opens it with a cache of so many chunks, and a thread that decrypts ahead; counts what that is
 * asked for.
 */
async function open({ store, paths }: SealableTask, chunks: number) {
  const ahead = new ReadAhead(new ChunkCache(chunks));
  const asked: number[] = [];
  const request = ahead.request.bind(ahead);
  ahead.request = (payload, first, slots) => {
    asked.push(...slots.map((_, at) => first + at));
    request(payload, first, slots);
  };
  const keys = await unlockArchive(paths.archive, await loadIdentities(store));
  const reader = openArchive(paths.archive, keys, { cache: ahead.cache, ahead });
  onTestFinished(() => {
    reader.close();
    ahead.close();
  });
  return { reader, asked };
}

function find(reader: ArchiveReader): IndexEntry {
  const file = reader.lookup(reader.root(), Buffer.from('file'));
  if (file) return file;
  throw new Error('the file is gone');
}

function readAll(reader: ArchiveReader, step: number): Buffer {
  const file = find(reader);
  const into = Buffer.alloc(file.size);
  for (let at = 0; at < into.length; ) at += reader.read(file, into.subarray(at, at + step), at);
  return into;
}

test('what is read in order is decrypted ahead, each chunk once', async () => {
  const task = await sealed();
  const { reader, asked } = await open(task, 128);
  expect(readAll(reader, 10_000).equals(task.content)).toBe(true);
  expect(asked.length).toBeGreaterThan(90);
  expect(new Set(asked).size).toBe(asked.length);
  const before = asked.length;
  expect(readAll(reader, 300_000).equals(task.content)).toBe(true);
  expect(asked.length).toBe(before);
});

test('what is read here and there is not', async () => {
  const task = await sealed();
  const { reader, asked } = await open(task, 128);
  const file = find(reader);
  const into = Buffer.alloc(4096);
  for (let turn = 0; turn < 200; turn++) {
    const at = ((turn * 37) % 100) * CHUNK + 70;
    reader.read(file, into, at);
    expect(into.equals(task.content.subarray(at, at + into.length))).toBe(true);
  }
  expect(asked).toEqual([]);
});

test('any order of reads gives the source, however few chunks are kept', async () => {
  const task = await sealed();
  const { reader } = await open(task, 8);
  const file = find(reader);
  const run = fc.record({ from: fc.nat(SIZE), step: fc.integer({ min: 1, max: 300_000 }) });
  const property = fc.property(fc.array(run, { maxLength: 4 }), (runs) => {
    for (const { from, step } of runs) {
      for (let at = from, turn = 0; at < SIZE && turn < 20; at += step, turn++) {
        const into = Buffer.alloc(step, 0xaa);
        const got = reader.read(file, into, at);
        if (!into.subarray(0, got).equals(task.content.subarray(at, at + step))) return false;
      }
    }
    return true;
  });
  fc.assert(property, { numRuns: process.env.TASKFS_LONG === '1' ? 1000 : 30 });
});

test('a damaged chunk ahead costs nobody else anything', async () => {
  const task = await sealed();
  const archive = join(task.paths.archive, 'artifacts.tar.enc');
  const fd = openSync(archive, 'r+');
  writeSync(fd, Buffer.from([1, 2, 3, 4]), 0, 4, 50 * ENCRYPTED_CHUNK);
  const { reader, asked } = await open(task, 128);
  const file = find(reader);
  const damaged: number[] = [];
  const into = Buffer.alloc(CHUNK);
  for (let at = 0; at < SIZE; at += CHUNK) {
    try {
      const got = reader.read(file, into, at);
      expect(into.subarray(0, got).equals(task.content.subarray(at, at + CHUNK))).toBe(true);
    } catch (error) {
      expect(error).toMatchObject({ kind: 'damaged' });
      damaged.push(at / CHUNK);
    }
  }
  expect(asked.length).toBeGreaterThan(80);
  // The content begins within a chunk, so a step of it lies in two.
  expect(damaged.length).toBeGreaterThanOrEqual(1);
  expect(damaged.length).toBeLessThanOrEqual(2);
});

test('another file in the place of the open one is never taken for it', async () => {
  const [task, other] = [await sealed(), await sealed()];
  const { reader, asked } = await open(task, 128);
  const file = find(reader);
  reader.read(file, Buffer.alloc(1), 0);
  const [path, otherPath] = [task, other].map(({ paths }) =>
    join(paths.archive, 'artifacts.tar.enc'),
  ) as [string, string];
  renameSync(otherPath, path);
  expect(readAll(reader, 10_000).equals(task.content)).toBe(true);
  expect(asked.length).toBeGreaterThan(0);
});

test('a thread that dies is missed at once, and another takes its place', async () => {
  const task = await sealed();
  const ahead = new ReadAhead(new ChunkCache(128));
  const started: Worker[] = [];
  const request = ahead.request.bind(ahead);
  let kills = 0;
  ahead.request = (payload, first, slots) => {
    request(payload, first, slots);
    const worker = Reflect.get(ahead, 'worker') as Worker;
    if (!started.includes(worker)) started.push(worker);
    if (slots.length < 16 || kills > 0) return;
    // It has much to do now, and will do none of it.
    kills++;
    void worker.terminate();
  };
  const keys = await unlockArchive(task.paths.archive, await loadIdentities(task.store));
  const reader = openArchive(task.paths.archive, keys, { cache: ahead.cache, ahead });
  onTestFinished(() => {
    reader.close();
    ahead.close();
  });
  expect(readAll(reader, 10_000).equals(task.content)).toBe(true);
  expect(kills).toBe(1);
  // Had it been waited for until patience ends, nobody would be asked any more.
  expect(started.length).toBe(2);
});

test('a thread that is silent is waited for once', () => {
  const cache = new ChunkCache(8);
  const slots = new Map<number, number>();
  for (let chunk = 0; chunk < 4; chunk++) cache.reserve(slots, chunk);
  const wait = vi.spyOn(Atomics, 'wait');
  onTestFinished(() => wait.mockRestore());
  expect(cache.get(slots, 0)).toBeUndefined();
  const waits = wait.mock.calls.length;
  expect(cache.get(slots, 1)).toBeUndefined();
  expect(cache.reserve(slots, 9)).toBeUndefined();
  expect(wait.mock.calls.length).toBe(waits);
  // Once it speaks again, it is trusted again.
  Atomics.store(cache.states, 0, SLOT.ready);
  expect(cache.reserve(slots, 9)).toBeDefined();
});
