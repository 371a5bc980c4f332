/**
 * Somebody who may write archive/ and knows every public key, and has no secret of the store's:
 * nothing that they put there is shown as the task's, by any reader.
 */
import {
  chmodSync,
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { decryptChunkInto, encryptFor, openPayload } from '../../src/age/index.ts';
import { encryptChunk } from '../../src/age/payload.ts';
import { unlockArchive } from '../../src/archive/index.ts';
import { readSeal, serialiseSeal, signed } from '../../src/archive/seal-record.ts';
import { removePlaintext, sealTask } from '../../src/archive/write/index.ts';
import { openLog, openTree } from '../../src/artifacts/index.ts';
import { detach, unmount } from '../../src/mount/index.ts';
import { removeTask } from '../../src/runner/remove-task.ts';
import { serverLog } from '../../src/server/background.ts';
import { mountInBackground } from '../../src/server/index.ts';
import {
  createSealingKeys,
  createStore,
  loadIdentities,
  loadRecipients,
  loadSigningKey,
  readRecord,
  replaceRecord,
  type Store,
} from '../../src/store/index.ts';
import { newCli } from '../support/cli.ts';
import { endedTask, type SealableTask, storeWithKeys } from '../support/sealable.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const GENUINE = 'genuine\n';
const FORGED = 'forged!\n';

async function seal(store: Store, name: string, content: string): Promise<SealableTask> {
  const sealable = endedTask(store, name, { createdAt: new Date().toISOString() });
  const { task, paths } = sealable;
  writeFileSync(join(paths.staging, 'file'), content);
  writeFileSync(paths.log, content);
  await sealTask(store, task);
  replaceRecord(paths.record, readRecord(paths.record, task), { artifacts: 'sealed' });
  removePlaintext(store, task);
  return sealable;
}

/** A store of the attacker's own, that seals for the recipients of another one. */
function storeForRecipientsOf(store: Store): Store {
  const own = createStore(join(temporaryDirectory(), 'store'));
  createSealingKeys(own, loadRecipients(store));
  return own;
}

interface Scene {
  readonly archive: string;
  /** An archive of the same name that the attacker sealed. */
  readonly theirs: string;
  /** An archive of another task of the store's. */
  readonly other: string;
  readonly attacker: Store;
}

/** Another file in place of one of an archive, of the same length, for the same recipient. */
async function replaceFile(archive: string, file: 'index.enc' | 'log.enc' | 'artifacts.tar.enc') {
  const path = join(archive, file);
  const recipients = [readSeal(archive).recipient];
  const empty = await encryptFor(recipients, Buffer.alloc(0));
  const plain = Buffer.alloc(readFileSync(path).length - empty.length, FORGED);
  writeFileSync(path, await encryptFor(recipients, plain));
}

function replaceWhole(archive: string, by: string): void {
  rmSync(archive, { recursive: true });
  cpSync(by, archive, { recursive: true });
}

const forgeries: readonly {
  readonly name: string;
  readonly forge: (scene: Scene) => void | Promise<void>;
}[] = [
  { name: 'sealed elsewhere', forge: ({ archive, theirs }) => replaceWhole(archive, theirs) },
  {
    name: 'sealed elsewhere, and naming our key as its signer',
    forge: ({ archive, theirs, attacker }) => {
      const { signer } = readSeal(archive);
      const { signature: _, ...body } = readSeal(theirs);
      replaceWhole(archive, theirs);
      const text = serialiseSeal(signed({ ...body, signer }, loadSigningKey(attacker)));
      writeFileSync(join(archive, 'seal.json'), text);
    },
  },
  {
    name: 'sealed elsewhere, bringing its own public key',
    forge: ({ archive, theirs, attacker }) => {
      const publicKey = readFileSync(join(attacker.keys, 'signing.pub'), 'utf8');
      const { signature: _, ...body } = readSeal(theirs);
      replaceWhole(archive, theirs);
      const text = JSON.stringify(signed({ ...body, publicKey }, loadSigningKey(attacker)));
      writeFileSync(join(archive, 'seal.json'), text);
      writeFileSync(join(archive, 'signing.pub'), publicKey);
    },
  },
  {
    name: 'all but the seal from elsewhere',
    forge: ({ archive, theirs }) => {
      const genuine = readFileSync(join(archive, 'seal.json'));
      replaceWhole(archive, theirs);
      writeFileSync(join(archive, 'seal.json'), genuine);
    },
  },
  { name: 'no seal', forge: ({ archive }) => rmSync(join(archive, 'seal.json')) },
  {
    name: 'the seal of another task',
    forge: ({ archive, other }) => cpSync(join(other, 'seal.json'), join(archive, 'seal.json')),
  },
  {
    name: 'another length in the seal',
    forge: ({ archive }) => {
      const seal = readSeal(archive);
      writeFileSync(join(archive, 'seal.json'), serialiseSeal({ ...seal, bytes: seal.bytes + 1 }));
    },
  },
  {
    name: 'the archive of another task',
    forge: ({ archive, other }) => replaceWhole(archive, other),
  },
  { name: 'another log', forge: ({ archive }) => replaceFile(archive, 'log.enc') },
  { name: 'another index', forge: ({ archive }) => replaceFile(archive, 'index.enc') },
  { name: 'another tar', forge: ({ archive }) => replaceFile(archive, 'artifacts.tar.enc') },
];

async function mountOf(store: Store): Promise<string> {
  const mountpoint = join(temporaryDirectory(), 'mount');
  mkdirSync(mountpoint);
  await mountInBackground(store, mountpoint, { driver: 'kernel' });
  onTestFinished(() => unmount(mountpoint).catch(() => detach(mountpoint)));
  return mountpoint;
}

const damaged = { kind: 'damaged' };
const eio = { code: 'EIO' };

test('no forgery is shown, by a mount or by what the verbs open archives with', async () => {
  const store = await storeWithKeys();
  const attacker = storeForRecipientsOf(store);
  const { paths: other } = await seal(store, 'other', GENUINE);
  const mountpoint = await mountOf(store);
  for (const [number, { name, forge }] of forgeries.entries()) {
    const { task, paths } = await seal(store, `task-${number}`, GENUINE);
    const { paths: theirs } = await seal(attacker, task, FORGED);
    await forge({ archive: paths.archive, theirs: theirs.archive, other: other.archive, attacker });
    const identities = () => loadIdentities(store);
    await expect.soft(openTree(store, task, identities), name).rejects.toMatchObject(damaged);
    await expect.soft(openLog(store, task, identities), name).rejects.toMatchObject(damaged);
    const shown = join(mountpoint, 'archive', task, 'file');
    await expect.soft(readFile(shown), name).rejects.toMatchObject(eio);
    await expect
      .soft(readFile(join(mountpoint, 'logs', `${task}.log`)), name)
      .rejects.toMatchObject(eio);
    expect.soft(readFileSync(serverLog(store), 'utf8'), name).toContain(task);
  }
  expect(await readFile(join(mountpoint, 'archive/other/file'), 'utf8')).toBe(GENUINE);
  expect(readdirSync(join(mountpoint, 'archive'))).toHaveLength(forgeries.length + 1);
});

test('each verb that reads archives refuses a forged one with 5, and names the task', async () => {
  const cli = newCli();
  const store = await storeWithKeys(cli.store);
  const { paths } = await seal(store, 'task', GENUINE);
  const { paths: theirs } = await seal(storeForRecipientsOf(store), 'task', FORGED);
  replaceWhole(paths.archive, theirs.archive);
  const out = join(cli.base, 'out');
  const calls = [
    ['cat', 'task', 'file'],
    ['ls', 'task'],
    ['logs', 'task'],
    ['preview', 'task', 'file'],
    ['export', 'task', out],
    ['reindex', 'task'],
    ['verify', 'task'],
  ];
  const results = await Promise.all(calls.map((call) => cli.run(...call)));
  for (const [number, { code, stdout, stderr }] of results.entries()) {
    const verb = calls[number]?.[0];
    expect.soft(code, verb).toBe(5);
    expect.soft(stdout, verb).not.toContain('forged');
    expect.soft(stdout + stderr, verb).toMatch(/archive of task/);
  }
  expect(existsSync(out)).toBe(false);
});

test('an archive of an older task of the same name is not shown as the newer one’s', async () => {
  const store = await storeWithKeys();
  const { task, paths } = await seal(store, 'again', 'older\n');
  const kept = join(temporaryDirectory(), 'older');
  cpSync(paths.archive, kept, { recursive: true });
  removeTask(store, task);
  await seal(store, 'again', 'newer\n');
  replaceWhole(paths.archive, kept);
  const opened = openTree(store, task, () => loadIdentities(store));
  await expect(opened).rejects.toThrow('not the one that was sealed last');
});

test('what lies in an archive’s place before its task is sealed is not taken for it', async () => {
  const store = await storeWithKeys();
  const sealed = await seal(store, 'task', GENUINE);
  const older = join(temporaryDirectory(), 'older');
  renameSync(sealed.paths.archive, older);
  rmSync(sealed.paths.directory, { recursive: true });
  const { paths: theirs } = await seal(storeForRecipientsOf(store), 'task', FORGED);
  const { task, paths } = endedTask(store, 'task', { createdAt: '2020-01-01T00:00:00.000Z' });
  for (const planted of [theirs.archive, older]) {
    cpSync(planted, paths.archive, { recursive: true });
    await expect(sealTask(store, task)).rejects.toMatchObject(damaged);
    expect(existsSync(paths.staging)).toBe(true);
    rmSync(paths.archive, { recursive: true });
  }
  await sealTask(store, task);
  replaceWhole(paths.archive, theirs.archive);
  expect(() => removePlaintext(store, task)).toThrow(expect.objectContaining(damaged));
  // Sealing has taken its name away.
  expect(existsSync(paths.aside)).toBe(true);
});

test('a verifying key that others may write is not trusted; the hint says what to do', async () => {
  const cli = newCli();
  const store = await storeWithKeys(cli.store);
  await seal(store, 'task', GENUINE);
  const writable = [join(store.keys, 'signing.pub'), store.keys];
  for (const path of writable) {
    chmodSync(path, 0o777);
    const { code, stdout, stderr } = await cli.run('cat', 'task', 'file');
    chmodSync(path, 0o700);
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toContain(`chmod go-w ${path}`);
  }
  expect((await cli.run('cat', 'task', 'file')).stdout).toBe(GENUINE);
});

test('verify --deep finds other content that an identity’s owner put under its keys', async () => {
  const cli = newCli();
  const store = await storeWithKeys(cli.store);
  const { paths } = await seal(store, 'task', GENUINE);
  const keys = await unlockArchive(paths.archive, await loadIdentities(store));
  const path = join(paths.archive, 'artifacts.tar.enc');
  const { fd, start, key, size } = openPayload(path, keys.artifacts);
  const plain = Buffer.alloc(size);
  decryptChunkInto(key, 0, true, readFileSync(path).subarray(start), plain);
  closeSync(fd);
  plain.write(FORGED, plain.indexOf(GENUINE));
  const sealed = Buffer.alloc(readFileSync(path).length - start);
  encryptChunk(key, 0, true, plain, sealed);
  writeFileSync(path, Buffer.concat([readFileSync(path).subarray(0, start), sealed]));
  expect((await cli.run('cat', 'task', 'file')).stdout).toBe(FORGED);
  expect((await cli.run('verify', 'task')).code).toBe(0);
  expect((await cli.run('verify', '--deep', 'task')).code).toBe(5);
});
