import {
  appendFileSync,
  closeSync,
  cpSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  type ArchiveReader,
  type Finding,
  openArchive,
  unlockArchive,
} from '../../src/archive/index.ts';
import { verifyArchives } from '../../src/archive/verify/index.ts';
import { readThrough } from '../../src/archive/verify/read-through.ts';
import { sealTask } from '../../src/archive/write/index.ts';
import { writeFileAtomic } from '../../src/files/index.ts';
import { removeTask } from '../../src/runner/remove-task.ts';
import { loadIdentities, readRecord } from '../../src/store/index.ts';
import { flip } from '../support/mutate.ts';
import { endedTask, type SealableTask, storeWithKeys } from '../support/sealable.ts';

const isLong = process.env.TASKFS_LONG === '1';
/** A byte costs some 15 ms in the long form. */
const TIMEOUT = isLong ? 3_600_000 : undefined;
const ENCRYPTED_CHUNK = 65_552;
const small = Buffer.alloc(1000, 'small');
const large = Buffer.alloc(200_000, 'large');

async function sealed(name = 'sealed', store?: SealableTask['store']): Promise<SealableTask> {
  const sealable = endedTask(store ?? (await storeWithKeys()), name);
  const { staging, aside, record } = sealable.paths;
  mkdirSync(join(staging, 'directory'));
  writeFileSync(join(staging, 'directory/large'), large);
  writeFileSync(join(staging, 'small'), small);
  await sealTask(sealable.store, sealable.task);
  const { task } = sealable;
  writeFileAtomic(record, JSON.stringify({ ...readRecord(record, task), artifacts: 'sealed' }));
  rmSync(aside, { recursive: true });
  return sealable;
}

async function findings({ store }: SealableTask, deep: boolean): Promise<readonly Finding[]> {
  const identities = await loadIdentities(store);
  return (await verifyArchives(store, { deep, identities })).findings;
}

const kinds = (found: readonly Finding[]): string[] => [...new Set(found.map(({ kind }) => kind))];

function readsTruth(reader: ArchiveReader, path: string, truth: Buffer): void {
  try {
    let entry = reader.root();
    for (const name of path.split('/')) {
      const found = reader.lookup(entry, Buffer.from(name));
      if (!found)
        throw Object.assign(new Error('a name was lost without an error'), { kind: 'lost' });
      entry = found;
    }
    const bytes = Buffer.alloc(entry.size);
    reader.read(entry, bytes, 0);
    expect(bytes.equals(truth)).toBe(true);
  } catch (error) {
    expect(error).toMatchObject({ kind: 'damaged' });
  }
}

/** Reading never gives other bytes than those that were sealed: an error, or the truth. */
async function readsTruthOrNothing({ store, paths }: SealableTask): Promise<void> {
  try {
    const keys = await unlockArchive(paths.archive, await loadIdentities(store));
    const reader = openArchive(paths.archive, keys);
    try {
      readsTruth(reader, 'directory/large', large);
      readsTruth(reader, 'small', small);
    } finally {
      reader.close();
    }
  } catch (error) {
    expect(error).toMatchObject({ kind: expect.stringMatching(/^(damaged|wrong-key)$/) });
  }
}

test('an archive that nobody touched has no findings', async () => {
  const archive = await sealed();
  expect(await findings(archive, false)).toEqual([]);
  expect(await findings(archive, true)).toEqual([]);
});

const FILES = ['artifacts.tar.enc', 'index.enc', 'log.enc', 'key.age', 'seal.json'] as const;

describe.each(FILES)('%s', (file) => {
  test(
    'a flipped byte is found wherever it is, and never read as truth',
    async () => {
      const archive = await sealed();
      const path = join(archive.paths.archive, file);
      const whole = readFileSync(path);
      // The bulk of the chunks is the next test's.
      const dense = isLong ? Math.min(whole.length, 4096) : 0;
      const step = Math.ceil(whole.length / 24);
      for (let at = 0; at < whole.length - 1; at += at < dense ? 1 : step) {
        flip(path, at);
        const found = await findings(archive, true);
        expect(found.length, `byte ${at} of ${whole.length}`).toBeGreaterThan(0);
        expect(found[0]?.task).toBe(archive.task);
        await readsTruthOrNothing(archive);
        writeFileSync(path, whole);
      }
      expect(await findings(archive, true)).toEqual([]);
    },
    TIMEOUT,
  );

  test('truncated at any chunk, or empty, or gone: found', async () => {
    const archive = await sealed();
    const path = join(archive.paths.archive, file);
    const whole = readFileSync(path);
    const header = whole.indexOf('\n', whole.indexOf('\n--- ') + 1) + 17;
    const cuts = [0, 1, Math.floor(whole.length / 2), whole.length - 2];
    for (let at = header; at < whole.length; at += ENCRYPTED_CHUNK) cuts.push(at);
    for (const cut of cuts) {
      truncateSync(path, cut);
      const quickly = await findings(archive, false);
      const found = file === 'key.age' ? await findings(archive, true) : quickly;
      expect(found.length, `cut at ${cut}`).toBeGreaterThan(0);
      if (file.endsWith('.enc')) expect(kinds(found)).toContain('truncated');
      await readsTruthOrNothing(archive);
      writeFileSync(path, whole);
    }
    rmSync(path);
    expect(kinds(await findings(archive, false))).toEqual(['missing']);
  });
});

test(
  'each byte of chunks and tags (TASKFS_LONG=1: every one) costs its chunk alone',
  async () => {
    const archive = await sealed();
    const path = join(archive.paths.archive, 'artifacts.tar.enc');
    const { artifacts, ...keys } = await unlockArchive(
      archive.paths.archive,
      await loadIdentities(archive.store),
    );
    const whole = readFileSync(path);
    const start = whole.indexOf('\n', whole.indexOf('\n--- ') + 1) + 17;
    const fd = openSync(path, 'r+');
    onTestFinished(() => closeSync(fd));
    const reader = openArchive(archive.paths.archive, { artifacts, ...keys });
    const entry = reader.lookup(reader.root(), Buffer.from('small'));
    if (!entry) throw new Error('the file is not in the archive');
    reader.close();
    for (let at = start; at < whole.length; at += isLong ? 1 : 1999) {
      writeSync(fd, Buffer.of((whole[at] ?? 0) ^ (1 << (at % 8))), 0, 1, at);
      const broken: number[] = [];
      await readThrough(path, artifacts, ({ number, plain }) => {
        if (!plain) broken.push(number);
      });
      expect(broken, `byte ${at}`).toEqual([Math.floor((at - start) / ENCRYPTED_CHUNK)]);
      const fresh = openArchive(archive.paths.archive, { artifacts, ...keys });
      const bytes = Buffer.alloc(small.length);
      try {
        fresh.read(entry, bytes, 0);
        expect(bytes.equals(small)).toBe(true);
      } catch (error) {
        expect(error).toMatchObject({ kind: 'damaged' });
      } finally {
        fresh.close();
      }
      writeSync(fd, whole, at, 1, at);
    }
    expect(await findings(archive, true)).toEqual([]);
  },
  TIMEOUT,
);

describe('chunks', () => {
  function chunk(bytes: Buffer, start: number, number: number): Buffer {
    const from = start + number * ENCRYPTED_CHUNK;
    return bytes.subarray(from, from + ENCRYPTED_CHUNK);
  }

  test.each([
    ['swapped', [1, 0, 2, 3]],
    ['repeated', [0, 0, 2, 3]],
    ['dropped', [0, 2, 3]],
    ['dropped at the end', [0, 1, 2]],
  ])('%s', async (_, order) => {
    const archive = await sealed();
    const path = join(archive.paths.archive, 'artifacts.tar.enc');
    const whole = readFileSync(path);
    const start = whole.indexOf('\n', whole.indexOf('\n--- ') + 1) + 17;
    const parts = order.map((number) => chunk(whole, start, number));
    writeFileSync(path, Buffer.concat([whole.subarray(0, start), ...parts]));
    const found = await findings(archive, true);
    expect(kinds(found)).toContain(order.length < 4 ? 'truncated' : 'damaged');
    expect(found.some((one) => one.path === 'directory/large')).toBe(true);
    await readsTruthOrNothing(archive);
  });
});

test.each(['truncated', 'log.enc'])(
  'the name of a task says nothing of the damage (%s)',
  async (name) => {
    const sealable = await sealed(name);
    writeFileSync(join(sealable.paths.archive, 'key.age'), 'no age file');
    const found = await findings(sealable, true);
    expect(found).toContainEqual(
      expect.objectContaining({ kind: 'damaged', task: name, file: 'key.age' }),
    );
    expect(found.map(({ file }) => file)).not.toContain('log.enc');
  },
);

test('damage names the file that is lost, and the others still read', async () => {
  const archive = await sealed();
  flip(join(archive.paths.archive, 'artifacts.tar.enc'), 100_000);
  const found = await findings(archive, true);
  expect(found).toContainEqual(
    expect.objectContaining({
      kind: 'damaged',
      file: 'artifacts.tar.enc',
      path: 'directory/large',
    }),
  );
  expect(found.some(({ path }) => path === 'small')).toBe(false);
  expect(found.find(({ offset }) => offset !== null)?.message).toContain('chunk 1');
});

describe('whole files and archives', () => {
  test('files swapped between two tasks', async () => {
    const one = await sealed('one');
    const two = await sealed('two', one.store);
    const [a, b] = [one, two].map(({ paths }) => join(paths.archive, 'index.enc'));
    renameSync(a ?? '', `${a}.aside`);
    renameSync(b ?? '', a ?? '');
    renameSync(`${a}.aside`, b ?? '');
    expect((await findings(one, false)).map(({ task }) => task)).toEqual(['one', 'two']);
    await expect(
      unlockArchive(one.paths.archive, await loadIdentities(one.store)),
    ).rejects.toMatchObject({ kind: 'damaged' });
  });

  test('archives of two tasks exchanged', async () => {
    const one = await sealed('one');
    const two = await sealed('two', one.store);
    renameSync(one.paths.archive, `${one.paths.archive}.aside`);
    renameSync(two.paths.archive, one.paths.archive);
    renameSync(`${one.paths.archive}.aside`, two.paths.archive);
    const found = await findings(one, false);
    expect(found.filter(({ kind }) => kind === 'replaced').map(({ task }) => task)).toEqual([
      'one',
      'two',
    ]);
  });

  test('an archive put back from an older sealing of the same name', async () => {
    const first = await sealed('again');
    const copy = join(first.store.path, 'copy');
    cpSync(first.paths.archive, copy, { recursive: true });
    removeTask(first.store, first.task);
    expect(await findings(first, false)).toEqual([]);
    const second = await sealed('again', first.store);
    expect(await findings(second, false)).toEqual([]);
    rmSync(second.paths.archive, { recursive: true });
    renameSync(copy, second.paths.archive);
    expect(kinds(await findings(second, false))).toEqual(['replaced']);
  });

  test('an archive that was removed behind the back of the store', async () => {
    const archive = await sealed();
    rmSync(archive.paths.archive, { recursive: true });
    expect(await findings(archive, false)).toMatchObject([{ kind: 'missing', task: 'sealed' }]);
  });

  test('a record that was edited', async () => {
    const archive = await sealed();
    const { record } = archive.paths;
    writeFileSync(record, readFileSync(record, 'utf8').replace('"exitCode":0', '"exitCode":7'));
    expect(kinds(await findings(archive, false))).toEqual(['record-changed']);
  });

  test("an archive sealed by somebody else's store", async () => {
    const archive = await sealed();
    const stranger = await sealed('sealed');
    rmSync(archive.paths.archive, { recursive: true });
    cpSync(stranger.paths.archive, archive.paths.archive, { recursive: true });
    expect(kinds(await findings(archive, false))).toEqual(['not-ours']);
    expect(kinds(await findings(archive, true))).toEqual(['not-ours', 'wrong-key']);
  });

  test('a wrong key is not damage', async () => {
    const archive = await sealed();
    const identities = await loadIdentities(await storeWithKeys());
    const { findings: found } = await verifyArchives(archive.store, { deep: true, identities });
    expect(kinds(found)).toEqual(['wrong-key']);
  });
});

describe('the chain of seals', () => {
  test.each([
    ['edited', (lines: string[]) => [lines[0]?.replace('"one"', '"eno"'), ...lines.slice(1)]],
    ['a line dropped', (lines: string[]) => lines.slice(1)],
    ['lines swapped', (lines: string[]) => [lines[1], lines[0], lines[2]]],
    ['a line of noise', (lines: string[]) => [...lines, 'noise']],
  ])('%s', async (_, change) => {
    const one = await sealed('one');
    await sealed('two', one.store);
    await sealed('three', one.store);
    const path = join(one.store.path, 'seals.jsonl');
    const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
    writeFileSync(path, `${change(lines).join('\n')}\n`);
    expect(kinds(await findings(one, false))).toContain('chain-broken');
  });

  test('a line cut off by a crash is dropped by the next seal', async () => {
    const one = await sealed('one');
    appendFileSync(join(one.store.path, 'seals.jsonl'), '{"type":"sealed","task":"tw');
    await sealed('two', one.store);
    expect(await findings(one, false)).toEqual([]);
  });
});
