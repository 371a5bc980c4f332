import { closeSync, ftruncateSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, onTestFinished, test, vi } from 'vitest';
import { decodeLine } from '../../src/archive/index/codec.ts';
import {
  type ArchiveReader,
  type IndexEntry,
  openArchive,
  unlockArchive,
} from '../../src/archive/index.ts';
import { parseSeal } from '../../src/archive/seal-record.ts';
import { sealTask } from '../../src/archive/write/index.ts';
import { TaskfsError } from '../../src/errors.ts';
import { loadIdentities } from '../../src/store/index.ts';
import { endedTask, type SealableTask, storeWithKeys } from '../support/sealable.ts';

const isLong = process.env.TASKFS_LONG === '1';
// Bounded by the number of runs, whatever the machine.
vi.setConfig({ testTimeout: isLong ? 3_600_000 : 120_000 });

async function open({ store, paths }: SealableTask): Promise<ArchiveReader> {
  const reader = openArchive(
    paths.archive,
    await unlockArchive(paths.archive, await loadIdentities(store)),
  );
  onTestFinished(() => reader.close());
  return reader;
}

function find(
  reader: ArchiveReader,
  name: string | Uint8Array,
  within = reader.root(),
): IndexEntry {
  const found = reader.lookup(within, Buffer.from(name as string));
  if (!found) throw new Error(`${name} is not in the archive`);
  return found;
}

test('any extent of a file reads as the source: in chunks, in holes, past the end', async () => {
  const sealable = endedTask(await storeWithKeys(), 'random');
  const { staging } = sealable.paths;
  const dense = Buffer.alloc(700_000);
  for (let at = 0; at < dense.length; at += 4)
    dense.writeUInt32LE((at * 2_654_435_761) % 2 ** 32, at);
  writeFileSync(join(staging, 'dense'), dense);
  const sparse = Buffer.alloc(3_000_000);
  const fd = openSync(join(staging, 'sparse'), 'w');
  ftruncateSync(fd, sparse.length);
  for (const at of [0, 65_536, 300_000, 2_999_000]) {
    sparse.fill('data', at, at + 1000);
    writeSync(fd, sparse.subarray(at, at + 1000), 0, 1000, at);
  }
  closeSync(fd);
  writeFileSync(join(staging, 'small'), 'small');
  await sealTask(sealable.store, sealable.task);
  const reader = await open(sealable);
  const files = { dense, sparse, small: Buffer.from('small') };
  const name = fc.constantFrom('dense', 'sparse', 'small') as fc.Arbitrary<keyof typeof files>;
  const property = fc.property(
    name,
    fc.nat(3_100_000),
    fc.oneof(fc.nat(5000), fc.nat(400_000)),
    (file, offset, length) => {
      const into = Buffer.alloc(length, 0xaa);
      const got = reader.read(find(reader, file), into, offset);
      const expected = files[file].subarray(offset, offset + length);
      return got === expected.length && into.subarray(0, got).equals(expected);
    },
  );
  fc.assert(property, { numRuns: isLong ? 20_000 : 400 });
});

test('any set of names is listed in order, from any cookie, and found by name', async () => {
  const store = await storeWithKeys();
  const byte = fc.integer({ min: 1, max: 255 }).filter((code) => code !== 0x2f);
  const name = fc
    .array(byte, { minLength: 1, maxLength: 40 })
    .map((bytes) => Buffer.from(bytes))
    .filter((bytes) => !['.', '..'].includes(bytes.toString()));
  const names = fc.uniqueArray(name, { maxLength: 60, selector: (bytes) => bytes.toString('hex') });
  let count = 0;
  const property = fc.asyncProperty(names, fc.array(fc.boolean()), async (all, isDirectory) => {
    const sealable = endedTask(store, `names-${count++}`);
    const top = Buffer.from(`${sealable.paths.staging}/`);
    all.forEach((bytes, index) => {
      const path = Buffer.concat([top, bytes]);
      if (isDirectory[index]) mkdirSync(path);
      else writeFileSync(path, bytes);
    });
    await sealTask(store, sealable.task);
    const reader = await open(sealable);
    const listed = [...reader.list(reader.root(), 0)];
    const sorted = all.toSorted(Buffer.compare);
    expect(listed.map(({ entry }) => entry.name.toString('hex'))).toEqual(
      sorted.map((bytes) => bytes.toString('hex')),
    );
    listed.forEach(({ entry, next }, index) => {
      expect(find(reader, entry.name).position).toBe(entry.position);
      expect(reader.entryAt(entry.position)).toEqual(entry);
      expect([...reader.list(reader.root(), next)]).toHaveLength(listed.length - index - 1);
    });
    expect(reader.lookup(reader.root(), Buffer.from('not there'))).toBeUndefined();
  });
  await fc.assert(property, { numRuns: 8 });
});

test('whatever is fed to the parsers, they answer or throw a typed error', () => {
  const text = fc.oneof(
    fc.string(),
    fc.json(),
    fc
      .record({
        name: fc.oneof(fc.string(), fc.anything()),
        type: fc.constantFrom('file', 'directory', 'symlink', 7),
        mode: fc.anything(),
        uid: fc.nat(),
        gid: fc.nat(),
        size: fc.oneof(fc.integer(), fc.double()),
        nlink: fc.nat(),
        atime: fc.anything(),
        mtime: fc.constant('1'),
        ctime: fc.constant('1'),
        offset: fc.anything(),
        extents: fc.anything(),
        section: fc.anything(),
        xattrs: fc.anything(),
      })
      .map((value) => JSON.stringify(value)),
  );
  const parsers = [
    (input: string) => decodeLine(Buffer.from(input), 0),
    (input: string) => parseSeal(input, 'seal.json'),
  ];
  const property = fc.property(text, fc.constantFrom(...parsers), (input, parser) => {
    try {
      parser(input);
      return true;
    } catch (error) {
      return error instanceof TaskfsError;
    }
  });
  fc.assert(property, { numRuns: isLong ? 1_000_000 : 5000 });
});
