import { execFile, execFileSync } from 'node:child_process';
import {
  cpSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { openDecrypted } from '../../src/age/index.ts';
import { type Finding, unlockArchive } from '../../src/archive/index.ts';
import { reindexTask, rotateOwner } from '../../src/archive/maintain/index.ts';
import { verifyArchives } from '../../src/archive/verify/index.ts';
import { removePlaintext, sealTask } from '../../src/archive/write/index.ts';
import { exportTree, openTree } from '../../src/artifacts/index.ts';
import { recover } from '../../src/runner/index.ts';
import { removeTask } from '../../src/runner/remove-task.ts';
import { keyPaths, loadIdentities } from '../../src/store/index.ts';
import { describeContents, describeTree, makeDifficultTree } from '../support/difficult-tree.ts';
import { flip } from '../support/mutate.ts';
import { endedTask, type SealableTask, storeWithKeys } from '../support/sealable.ts';
import { temporaryDirectory } from '../support/temporary.ts';

async function sealed(name = 'build', store?: SealableTask['store']): Promise<SealableTask> {
  const sealable = endedTask(store ?? (await storeWithKeys()), name, { artifacts: 'sealed' });
  makeDifficultTree(sealable.paths.staging);
  rmSync(join(sealable.paths.staging, 'pipe'));
  await sealTask(sealable.store, sealable.task);
  return sealable;
}

const indexOf = ({ paths }: SealableTask): string => join(paths.archive, 'index.enc');
const reindex = async ({ store, task }: SealableTask) =>
  await reindexTask(store, task, { identities: await loadIdentities(store) });

async function deepFindings({ store }: SealableTask): Promise<readonly Finding[]> {
  return (await verifyArchives(store, { deep: true, identities: await loadIdentities(store) }))
    .findings;
}

async function readIndex({ store, paths }: SealableTask): Promise<Buffer> {
  const keys = await unlockArchive(paths.archive, await loadIdentities(store));
  const opened = openDecrypted(join(paths.archive, 'index.enc'), keys.index);
  try {
    const bytes = Buffer.alloc(opened.size);
    opened.read(bytes, 0);
    return bytes;
  } finally {
    opened.close();
  }
}

/** Whether what is read from the archive is what was sealed. */
async function expectSame({ store, task }: SealableTask, original: string): Promise<void> {
  using tree = await openTree(store, task, () => loadIdentities(store));
  using top = tree.find('', 'keep');
  const copy = join(temporaryDirectory(), 'copy');
  exportTree(top, copy, { keepSetId: true });
  expect(describeTree(copy)).toEqual(describeTree(original));
  expect(describeContents(copy)).toEqual(describeContents(original));
}

describe('an index that is', () => {
  test.each<[string, (path: string) => void]>([
    ['gone', (path) => rmSync(path)],
    ['empty', (path) => truncateSync(path, 0)],
    ['cut off', (path) => truncateSync(path, statSync(path).size - 100)],
    ['changed in its header', (path) => flip(path, 40)],
    ['changed in its content', (path) => flip(path, 400)],
    ['another file', (path) => writeFileSync(path, 'nothing of the kind')],
  ])('%s is rebuilt, byte for byte, and is signed', async (_, damage) => {
    const archive = await sealed();
    const before = await readIndex(archive);
    damage(indexOf(archive));
    expect((await deepFindings(archive)).map(({ file }) => file)).toContain('index.enc');
    expect(await reindex(archive)).toMatchObject({ rebuilt: true, lost: [] });
    expect((await readIndex(archive)).toString()).toBe(before.toString());
    expect(await deepFindings(archive)).toEqual([]);
    await expectSame(archive, archive.paths.aside);
    expect(readdirSync(archive.store.archive)).toEqual(['build']);
  });
});

test('an index that is whole stays', async () => {
  const archive = await sealed();
  const before = statSync(archive.paths.archive).ino;
  expect(await reindex(archive)).toMatchObject({ rebuilt: false });
  expect(statSync(archive.paths.archive).ino).toBe(before);
});

test('what a tar does not hold is named: pipes, sockets, devices', async () => {
  const archive = endedTask(await storeWithKeys(), 'pipes', { artifacts: 'sealed' });
  makeDifficultTree(archive.paths.staging);
  await sealTask(archive.store, archive.task);
  rmSync(indexOf(archive));
  const { lost } = await reindex(archive);
  expect(lost).toEqual(['1 sockets, pipes or devices, which only the old index listed']);
  expect(await deepFindings(archive)).toEqual([]);
  rmSync(join(archive.paths.aside, 'pipe'));
});

test('damaged content stays damaged, and its file is named', async () => {
  const archive = await sealed();
  const tar = join(archive.paths.archive, 'artifacts.tar.enc');
  flip(tar, 1_000_000);
  rmSync(indexOf(archive));
  expect((await reindex(archive)).lost).toEqual(['the sha256 of 1 file whose content is damaged']);
  const found = await deepFindings(archive);
  expect(found.filter(({ path }) => path !== null)).toMatchObject([
    { kind: 'damaged', file: 'artifacts.tar.enc', path: 'big' },
  ]);
  flip(tar, 1_000_000);
  expect(await deepFindings(archive)).toEqual([]);
});

describe('nothing is signed, and nothing changes, where', () => {
  test.each<[string, string, (archive: SealableTask) => void]>([
    [
      'the tar has another header',
      'damaged',
      ({ paths }) => flip(join(paths.archive, 'artifacts.tar.enc'), 60),
    ],
    [
      'a header in the tar is damaged',
      'damaged',
      ({ paths }) => flip(join(paths.archive, 'artifacts.tar.enc'), 300),
    ],
    [
      'the tar is cut off',
      'damaged',
      ({ paths }) => truncateSync(join(paths.archive, 'artifacts.tar.enc'), 300_000),
    ],
    ['the seal was changed', 'damaged', ({ paths }) => flip(join(paths.archive, 'seal.json'), 200)],
    ['the seal is gone', 'damaged', ({ paths }) => rmSync(join(paths.archive, 'seal.json'))],
    ['the chain was changed', 'damaged', ({ store }) => flip(join(store.path, 'seals.jsonl'), 20)],
    ['the signing key is gone', 'failed', ({ store }) => rmSync(keyPaths(store).signing)],
    ['there is no identity', 'wrong-key', ({ store }) => rmSync(keyPaths(store).identity)],
  ])('%s', async (_, kind, spoil) => {
    const archive = await sealed();
    rmSync(indexOf(archive));
    spoil(archive);
    const chain = readFileSync(join(archive.store.path, 'seals.jsonl'));
    const before = statSync(archive.paths.archive).ino;
    await expect(reindex(archive)).rejects.toMatchObject({ kind });
    expect(statSync(archive.paths.archive).ino).toBe(before);
    expect(readdirSync(archive.store.archive)).toEqual(['build']);
    expect(readFileSync(join(archive.store.path, 'seals.jsonl')).equals(chain)).toBe(true);
  });
});

test('an index put back from before, with its seal, is found', async () => {
  const archive = await sealed();
  const copy = join(archive.store.path, 'copy');
  cpSync(archive.paths.archive, copy, { recursive: true });
  rmSync(indexOf(archive));
  await reindex(archive);
  rmSync(archive.paths.archive, { recursive: true });
  cpSync(copy, archive.paths.archive, { recursive: true });
  expect(await deepFindings(archive)).toMatchObject([{ kind: 'replaced', task: 'build' }]);
});

const support = (name: string): string => join(import.meta.dirname, '../support', name);
const isLong = process.env.TASKFS_LONG === '1';
const STEP = isLong ? 1 : 17;

async function reindexFailing({ store, task }: SealableTask, mode: string, at: number) {
  const injector = ['--import', support('fault-injection.ts')];
  const args = [...injector, support('fault-program.ts'), 'reindex', store.path, task];
  const env = { ...process.env, FAULT_MODE: mode, FAULT_AT: String(at) };
  try {
    const { stdout } = await promisify(execFile)(process.execPath, args, { env });
    return JSON.parse(stdout) as { injected: boolean; calls: number; native: number };
  } catch (error) {
    const { signal, stderr } = error as { signal?: string; stderr?: string };
    if (
      signal === 'SIGKILL' ||
      /injected|EIO|i\/o error|OpenSSL|damaged|reads back differently/.test(stderr ?? '')
    )
      return undefined;
    throw error;
  }
}

test.each(['kill', 'error'])(
  `cut short at any call by: %s (TASKFS_LONG=1: at every one, else each ${STEP}th), ` +
    'it is one of the two, and can be ended',
  async (mode) => {
    const store = await storeWithKeys();
    for (let at = 1; ; at += STEP) {
      const archive = endedTask(store, `cut-${at}`, { artifacts: 'sealed' });
      writeFileSync(join(archive.paths.staging, 'small'), 'small');
      writeFileSync(join(archive.paths.staging, 'large'), Buffer.alloc(300_000, 'large'));
      const original = join(temporaryDirectory(), 'original');
      execFileSync('cp', ['-a', archive.paths.staging, original]);
      await sealTask(store, archive.task);
      removePlaintext(store, archive.task);
      flip(indexOf(archive), 300);
      const result = await reindexFailing(archive, mode, at);
      try {
        // The archive is where it was, and what is not derived is in it.
        const seal = readFileSync(join(archive.paths.archive, 'artifacts.tar.enc'));
        expect(seal.length).toBeGreaterThan(300_000);
        // Keys that are rotated in between must not come back.
        const identities = await loadIdentities(store);
        await rotateOwner(store, { identities, own: identities });
        await recover(store, { scope: 'all' });
        await reindex(archive);
        expect(await deepFindings(archive)).toEqual([]);
        await expectSame(archive, original);
        expect(readdirSync(store.archive).filter((name) => name.startsWith('.'))).toEqual([]);
        await expect(unlockArchive(archive.paths.archive, identities)).rejects.toMatchObject({
          kind: 'wrong-key',
        });
      } catch (error) {
        throw new Error(`after call ${at} (${JSON.stringify(result)})`, { cause: error });
      }
      if (result && !result.injected) {
        expect(result.calls).toBeLessThan(at);
        expect(result.native).toBeGreaterThan(3);
        break;
      }
      removeTask(store, archive.task);
    }
  },
  isLong ? 3_600_000 : 600_000,
);
