import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { DecryptedFile } from '../../src/age/index.ts';
import { openDecrypted } from '../../src/age/index.ts';
import { IndexReader } from '../../src/archive/index/reader.ts';
import {
  type ArchiveReader,
  FILES,
  type IndexEntry,
  openArchive,
  unlockArchive,
} from '../../src/archive/index.ts';
import { KEY_FILE, PARTS } from '../../src/archive/paths.ts';
import { parseSeal } from '../../src/archive/seal-record.ts';
import { sealTask } from '../../src/archive/write/index.ts';
import { TaskfsError } from '../../src/errors.ts';
import { keyPaths, loadIdentities } from '../../src/store/index.ts';
import { BLOCK, readTar } from '../../src/tar/index.ts';
import { parsePax } from '../../src/tar/pax.ts';
import { makeDifficultTree } from '../support/difficult-tree.ts';
import { below, mutate, randomOf } from '../support/mutate.ts';
import { endedTask, type SealableTask, storeWithKeys } from '../support/sealable.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const isLong = process.env.TASKFS_LONG === '1';
/** How often a parser is tried: each time with another seed, which a failure names. */
const RUNS = isLong ? 200_000 : 3000;
/** The same where each try unlocks keys, which takes a millisecond. */
const SLOW_RUNS = isLong ? 20_000 : 250;

// Bounded by the number of runs, whatever the machine.
vi.setConfig({ testTimeout: isLong ? 3_600_000 : 120_000 });

/** Runs an action that may fail with a typed error alone. */
async function orTyped(seed: number, action: () => unknown): Promise<void> {
  try {
    await action();
  } catch (error) {
    if (error instanceof TaskfsError) return;
    throw new Error(`seed ${seed}`, { cause: error });
  }
}

/** Bytes as a tar or an index is read, which count what is asked of them. */
function countingFile(bytes: Buffer): DecryptedFile & { readonly asked: () => number } {
  let asked = 0;
  return {
    size: bytes.length,
    read(into, offset) {
      asked += into.length;
      return bytes.copy(into, 0, Math.min(offset, bytes.length), offset + into.length);
    },
    peek(offset) {
      asked += 1;
      return bytes.subarray(offset);
    },
    close: () => {},
    asked: () => asked,
  };
}

async function sealDifficult(): Promise<SealableTask> {
  const sealable = endedTask(await storeWithKeys(), 'fuzzed');
  makeDifficultTree(sealable.paths.staging);
  writeFileSync(join(sealable.paths.staging, 'big'), Buffer.alloc(150_000, 'taskfs'));
  await sealTask(sealable.store, sealable.task);
  return sealable;
}

/** The plaintext of a part of an archive. */
async function plainOf(
  { store, paths }: SealableTask,
  part: 'artifacts' | 'index',
): Promise<Buffer> {
  const keys = await unlockArchive(paths.archive, await loadIdentities(store));
  const opened = openDecrypted(join(paths.archive, FILES[part]), keys[part]);
  const bytes = Buffer.alloc(opened.size);
  opened.read(bytes, 0);
  opened.close();
  return bytes;
}

/** Tars as we, GNU tar and bsdtar write them, without the bulk of their contents. */
async function tars(): Promise<Buffer[]> {
  const ours = await plainOf(await sealDifficult(), 'artifacts');
  const tree = temporaryDirectory();
  makeDifficultTree(tree);
  writeFileSync(join(tree, 'big'), 'small');
  const theirs = [
    ['tar', '--format=pax', '--sparse', '--xattrs'],
    ['tar', '--format=gnu'],
    ['bsdtar', '--format=pax', '--xattrs', '--exclude', 'sparse', '--exclude', 'allhole'],
  ].map(([program = '', ...options]) =>
    execFileSync(program, ['-C', tree, ...options, '--exclude', 'sparse', '-cf', '-', '.'], {
      maxBuffer: 1 << 28,
      stdio: ['ignore', 'pipe', 'ignore'],
    }),
  );
  return [ours, ...theirs].map((tar) => tar.subarray(0, 200 * BLOCK));
}

/** Gives some headers a right sum again, so that what stands in them is looked at. */
function withSums(tar: Buffer): Buffer {
  for (let at = 0; at + BLOCK <= tar.length; at += BLOCK) {
    const block = tar.subarray(at, at + BLOCK);
    if (block.toString('latin1', 257, 262) !== 'ustar') continue;
    block.fill(0x20, 148, 156);
    const sum = block.reduce((total, byte) => total + byte, 0);
    block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  }
  return tar;
}

test('tars: members or a typed error, in time and memory that the tar pays for', async () => {
  const all = await tars();
  let whole = 0;
  let members = 0;
  for (let seed = 0; seed < RUNS; seed++) {
    const random = randomOf(seed);
    const original = all[seed % all.length] as Buffer;
    const changed = mutate(original, random);
    const tar = random() < 0.8 ? withSums(changed) : changed;
    const file = countingFile(tar);
    await orTyped(seed, () => {
      for (const { path, size, offset, stored, extents } of readTar(file)) {
        members++;
        expect(path.length).toBeLessThanOrEqual(tar.length);
        expect(offset + stored).toBeLessThanOrEqual(tar.length);
        for (const value of [size, offset, stored]) expect(value).toBeGreaterThanOrEqual(0);
        expect(extents?.every(({ start, length }) => start + length <= size)).not.toBe(false);
      }
      whole++;
    });
    expect(file.asked(), `seed ${seed}`).toBeLessThanOrEqual(tar.length + 4 * BLOCK);
  }
  // Neither is everything refused, nor nothing.
  expect(members).toBeGreaterThan(RUNS);
  expect(whole).toBeLessThan(RUNS);
});

test('extended headers: records or a typed error', async () => {
  const header = Buffer.from(
    '30 mtime=1795641536.083707009\n20 path=a long name\n25 SCHILY.xattr.user.a=\0\n',
  );
  expect([...parsePax(header)]).toHaveLength(3);
  let parsed = 0;
  for (let seed = 0; seed < RUNS; seed++) {
    await orTyped(seed, () => {
      for (const [key, value] of parsePax(mutate(header, randomOf(seed)))) {
        expect(key.length + value.length).toBeLessThan(header.length * 20);
      }
      parsed++;
    });
  }
  expect(parsed).toBeGreaterThan(0);
});

test('indexes: entries or a typed error, also where sections lead in circles', async () => {
  const original = await plainOf(await sealDifficult(), 'index');
  let entries = 0;
  for (let seed = 0; seed < RUNS; seed++) {
    const random = randomOf(seed);
    const bytes = mutate(original, random);
    const index = new IndexReader(countingFile(bytes));
    await orTyped(seed, () => {
      for (let at = 0; at < bytes.length; entries++) at = index.line(at).next;
    });
    await orTyped(seed, () => {
      const { section } = index.root();
      if (section) index.find(section, Buffer.from('top.md'));
    });
    await orTyped(seed, () => index.pathTo(below(random, bytes.length)));
  }
  expect(entries).toBeGreaterThan(RUNS);
});

test('seals: a seal or a typed error', async () => {
  const { paths } = await sealDifficult();
  const original = readFileSync(join(paths.archive, 'seal.json'));
  for (let seed = 0; seed < RUNS; seed++) {
    const text = mutate(original, randomOf(seed)).toString();
    await orTyped(seed, () => parseSeal(text, 'seal.json'));
  }
});

describe('whole archives', () => {
  /** All that can be read of an archive, as text: the truth to compare with. */
  function* readAll(reader: ArchiveReader): Generator<string> {
    const open: IndexEntry[] = [reader.root()];
    for (let here = open.pop(), left = 500; here && left > 0; here = open.pop(), left--) {
      for (const { entry } of reader.list(here, 0)) {
        const { name, type, size, mode } = entry;
        yield JSON.stringify([name.toString('latin1'), type, size, mode]);
        if (type === 'directory') open.push(entry);
        if (type !== 'file' || size > 1_000_000) continue;
        try {
          const content = Buffer.alloc(size);
          reader.read(entry, content, 0);
          yield `${name.toString('latin1')}: ${content.toString('latin1')}`;
        } catch (error) {
          if (!(error instanceof TaskfsError)) throw error;
        }
      }
    }
  }

  async function readTruth(archive: string, identities: readonly string[]): Promise<string[]> {
    const reader = openArchive(archive, await unlockArchive(archive, identities));
    try {
      return [...readAll(reader)];
    } finally {
      reader.close();
    }
  }

  test('with any file changed anyhow: a typed error, or nothing but the truth', async () => {
    const sealable = await sealDifficult();
    const { archive } = sealable.paths;
    const identities = await loadIdentities(sealable.store);
    const truth = new Set(await readTruth(archive, identities));
    const files = [...PARTS.map((part) => FILES[part]), KEY_FILE];
    let read = 0;
    for (let seed = 0; seed < SLOW_RUNS; seed++) {
      const random = randomOf(seed);
      const path = join(archive, files[seed % files.length] as string);
      const original = readFileSync(path);
      // Mostly the header, which is parsed; the rest is authenticated.
      const head = random() < 0.7 ? 700 : original.length;
      const changed = mutate(original.subarray(0, head), random);
      writeFileSync(path, Buffer.concat([changed, original.subarray(head)]));
      await orTyped(seed, async () => {
        for (const line of await readTruth(archive, identities)) {
          if (!truth.has(line)) throw new Error(`other than the truth: ${line.slice(0, 100)}`);
        }
        read++;
      });
      writeFileSync(path, original);
    }
    expect(read).toBeGreaterThan(0);
    expect(read).toBeLessThan(SLOW_RUNS);
  });

  test('identity files: identities or a typed error', async () => {
    const store = await storeWithKeys();
    const { identity } = keyPaths(store);
    const original = readFileSync(identity);
    onTestFinished(() => writeFileSync(identity, original));
    for (let seed = 0; seed < SLOW_RUNS; seed++) {
      writeFileSync(identity, mutate(original, randomOf(seed)));
      await orTyped(seed, () => loadIdentities(store));
    }
  });
});
