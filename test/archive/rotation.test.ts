import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Encrypter, generateX25519Identity, identityToRecipient } from 'age-encryption';
import { describe, expect, test } from 'vitest';
import { unlockArchive } from '../../src/archive/index.ts';
import { openTaskKey } from '../../src/archive/key-file.ts';
import { addRecipient, removeRecipient, rotateOwner } from '../../src/archive/maintain/index.ts';
import { KEY_FILE } from '../../src/archive/paths.ts';
import { verifyArchives } from '../../src/archive/verify/index.ts';
import { sealTask } from '../../src/archive/write/index.ts';
import {
  listLeaving,
  listRecipients,
  loadIdentities,
  loadRecipients,
  openStore,
  parseTaskName,
  type Store,
  storeAt,
  takeLock,
  taskPaths,
} from '../../src/store/index.ts';
import { type Cli, main, newCli } from '../support/cli.ts';
import { endedTask, storeWithKeys } from '../support/sealable.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/until.ts';

const ARCHIVES = 700;

/** Archives of which there is only what a rotation reads and writes; their paths. */
async function keysOfMany(store: Store): Promise<string[]> {
  const identity = await generateX25519Identity();
  // All the same, and without a task's name: a key that names another task is refused.
  const encrypter = new Encrypter();
  for (const recipient of loadRecipients(store)) encrypter.addRecipient(recipient);
  const key = await encrypter.encrypt(`${identity}\n`);
  const first = join(store.path, KEY_FILE);
  writeFileSync(first, key);
  return Array.from({ length: ARCHIVES }, (_, number) => {
    const { archive } = taskPaths(store, parseTaskName(`task-${number}`));
    mkdirSync(archive);
    copyFileSync(first, join(archive, KEY_FILE));
    return archive;
  });
}

const howManyDiffer = (paths: readonly string[], inodes: readonly number[]): number =>
  paths.filter((path, index) => statSync(join(path, KEY_FILE)).ino !== inodes[index]).length;

/** Starts a rotation and kills it when it has replaced some keys, and not all. */
async function killRotation(cli: Cli, archives: readonly string[]): Promise<void> {
  const before = archives.map((path) => statSync(join(path, KEY_FILE)).ino);
  const rotation = cli.start('key', 'rotate');
  const ended = new Promise((resolve) => rotation.once('close', resolve));
  await until('some keys are replaced', () => howManyDiffer(archives, before) > 0);
  rotation.kill('SIGKILL');
  await ended;
  expect(howManyDiffer(archives, before)).toBeLessThan(ARCHIVES);
}

test('a rotation killed on its way locks nobody out, and the same call does the rest', async () => {
  const cli = newCli();
  await cli.run('init');
  const store = openStore(cli.store);
  const archives = await keysOfMany(store);
  const [old = ''] = await loadIdentities(store);
  await killRotation(cli, archives);
  const known = await loadIdentities(store);
  expect(known).toEqual([expect.not.stringMatching(old), old]);
  await Promise.all(archives.map((archive) => openTaskKey(archive, known)));
  const again = await cli.json('key', 'rotate', '--json');
  expect(again).toEqual({ rewrapped: ARCHIVES, failed: [] });
  // It went on with the identity that it had made.
  expect(await loadIdentities(store)).toEqual([known[0]]);
  await Promise.all(archives.map((archive) => openTaskKey(archive, [known[0] ?? ''])));
  for (const archive of archives) expect(readdirSync(archive)).toEqual([KEY_FILE]);
  expect(readdirSync(store.keys).filter((name) => name.endsWith('.tmp'))).toEqual([]);
}, 180_000);

describe('keys changed by a process that is killed at any call', () => {
  /** The stores that this would leave, each once; none of them is locked. */
  function storesLeftBy(verb: string, store: Store, name: string): Store[] {
    const copies = temporaryDirectory();
    const [injector = '', program = ''] = ['fault-injection.ts', 'fault-program.ts'].map((file) =>
      join(import.meta.dirname, '../support', file),
    );
    const args = ['--import', injector, program, verb, store.path, 'one', name];
    const env = { FAULT_MODE: 'copy', FAULT_STORE: store.path, FAULT_COPIES: copies };
    execFileSync(process.execPath, args, { env: { ...process.env, ...env } });
    const states = new Map(readdirSync(copies).map((copy) => [stateOf(join(copies, copy)), copy]));
    return [...states.values()].map((copy) => storeAt(join(copies, copy)));
  }

  /** Everything that a change of keys writes. */
  const stateOf = (copy: string): string =>
    execFileSync('sh', ['-c', 'cd "$0" && md5sum keys/* archive/*/*key*', copy]).toString();

  async function twoArchives(): Promise<Store> {
    const store = await storeWithKeys();
    for (const name of ['one', 'two']) await sealTask(store, endedTask(store, name).task);
    return store;
  }

  const archivesOf = (store: Store): string[] =>
    ['one', 'two'].map((name) => taskPaths(store, parseTaskName(name)).archive);

  test('rotate: each archive opens all the time, and the same call does the rest', async () => {
    const store = await twoArchives();
    const left = storesLeftBy('rotate', store, '');
    expect(left.length).toBeGreaterThan(8);
    for (const copy of left) {
      const own = await loadIdentities(copy);
      for (const archive of archivesOf(copy)) await openTaskKey(archive, own);
      const [owner] = listRecipients(copy);
      expect(await Promise.all(own.map(identityToRecipient))).toContain(owner?.recipient);
      await rotateOwner(copy, { own, identities: [] });
      const [fresh = '', ...others] = await loadIdentities(copy);
      expect(others).toEqual([]);
      for (const archive of archivesOf(copy)) await openTaskKey(archive, [fresh]);
      expect(listLeaving(copy)).toEqual([]);
    }
  });

  test('remove: the same call takes them out of the rest', async () => {
    const store = await twoArchives();
    const identities = await loadIdentities(store);
    const theirs = await generateX25519Identity();
    const recipient = await identityToRecipient(theirs);
    await addRecipient(store, recipient, 'a friend', { identities });
    const left = storesLeftBy('remove-key', store, 'a friend');
    expect(left.length).toBeGreaterThan(5);
    const isThere = (copy: Store) => listRecipients(copy).some(({ label }) => label === 'a friend');
    const done = left.filter((copy) => !isThere(copy) && listLeaving(copy).length === 0);
    expect(done.length).toBeLessThan(left.length / 2);
    for (const copy of left) {
      if (!done.includes(copy)) await removeRecipient(copy, 'a friend', { identities });
      for (const archive of archivesOf(copy)) {
        await openTaskKey(archive, identities);
        await expect(openTaskKey(archive, [theirs])).rejects.toMatchObject({ kind: 'wrong-key' });
      }
      await expect(removeRecipient(copy, 'a friend', { identities })).rejects.toMatchObject({
        kind: 'not-found',
      });
    }
  });
});

test.each([['rotate'], ['recovery']])(
  'key %s while a task is being sealed: its archive has the new keys',
  async (action) => {
    const store = await storeWithKeys();
    const { task, paths } = endedTask(store, 'one');
    writeFileSync(join(paths.staging, 'file'), Buffer.alloc(3_000_000, 'content'));
    const [old = ''] = await loadIdentities(store);
    let said = '';
    await sealTask(store, task, {
      onProgress: () => {
        if (said !== '') return;
        const args = [main, 'key', action, '--store', store.path];
        said = execFileSync('sh', ['-c', '"$@" 2>&1', '-', process.execPath, ...args]).toString();
      },
    });
    const identities = await loadIdentities(store);
    if (action === 'rotate') {
      expect(identities).not.toContain(old);
      await expect(unlockArchive(paths.archive, [old])).rejects.toMatchObject({
        kind: 'wrong-key',
      });
    } else {
      identities.push(/AGE-SECRET-KEY-\S+/.exec(said)?.[0] ?? '');
    }
    for (const identity of identities) await unlockArchive(paths.archive, [identity]);
    expect((await verifyArchives(store, { deep: true, identities })).findings).toEqual([]);
  },
);

test('a second change of keys at the same time is told to wait, and changes nothing', async () => {
  const cli = newCli();
  await cli.run('init');
  const before = await cli.json('key', 'show', '--json');
  using _ = takeLock(join(cli.store, 'keys/lock'));
  const second = await cli.run('key', 'recovery');
  expect(second).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/another process changes/),
  });
  expect(second.stderr).not.toContain('AGE-SECRET-KEY');
  expect(await cli.json('key', 'show', '--json')).toEqual(before);
});
