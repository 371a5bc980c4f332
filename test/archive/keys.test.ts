import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bech32 } from '@scure/base';
import {
  generateHybridIdentity,
  generateX25519Identity,
  identityToRecipient,
} from 'age-encryption';
import { expect, test } from 'vitest';
import { unlockArchive } from '../../src/archive/index.ts';
import {
  addRecipient,
  removeRecipient,
  replaceRecovery,
  rotateOwner,
} from '../../src/archive/maintain/index.ts';
import { verifyArchives } from '../../src/archive/verify/index.ts';
import { sealTask } from '../../src/archive/write/index.ts';
import {
  createKeys,
  createStore,
  isProtected,
  keyPaths,
  listRecipients,
  loadIdentities,
} from '../../src/store/index.ts';
import { endedTask, storeWithKeys } from '../support/sealable.ts';
import { temporaryDirectory } from '../support/temporary.ts';

async function sealedStore() {
  const store = await storeWithKeys();
  const archives: string[] = [];
  for (const name of ['one', 'two', 'three']) {
    const { task, paths } = endedTask(store, name);
    writeFileSync(join(paths.staging, 'file'), name);
    await sealTask(store, task);
    archives.push(paths.archive);
  }
  return { store, archives };
}

const opens = async (archive: string, identity: string): Promise<boolean> =>
  unlockArchive(archive, [identity]).then(
    () => true,
    (error) => {
      expect(error).toMatchObject({ kind: 'wrong-key' });
      return false;
    },
  );

test('keys are private, and the recovery identity is stored nowhere', async () => {
  const store = createStore(join(temporaryDirectory(), 'store'));
  const recovery = (await createKeys(store, { withRecovery: true })) ?? '';
  expect(recovery).toMatch(/^AGE-SECRET-KEY-1/);
  const { identity, signing } = keyPaths(store);
  for (const path of [identity, signing]) expect(statSync(path).mode & 0o777).toBe(0o600);
  const found = execFileSync('bash', [
    '-c',
    'grep -rlF -- "$1" "$2" || true',
    '-',
    recovery,
    store.path,
  ]);
  expect(found.toString()).toBe('');
  await expect(createKeys(store)).rejects.toMatchObject({ kind: 'usage' });
});

test('a rotated owner opens every archive, the old one none; only key.age is written', async () => {
  const { store, archives } = await sealedStore();
  const old = await loadIdentities(store);
  const before = archives.map((archive) => readFileSync(join(archive, 'artifacts.tar.enc')));
  expect(await rotateOwner(store, { own: old, identities: [] })).toEqual({
    rewrapped: 3,
    failed: [],
  });
  const [fresh, ...others] = await loadIdentities(store);
  expect(others).toEqual([]);
  for (const [index, archive] of archives.entries()) {
    expect(await opens(archive, fresh ?? '')).toBe(true);
    expect(await opens(archive, old[0] ?? '')).toBe(false);
    expect(readFileSync(join(archive, 'artifacts.tar.enc'))).toEqual(before[index]);
  }
  const identities = await loadIdentities(store);
  expect((await verifyArchives(store, { deep: true, identities })).findings).toEqual([]);
});

test('a rotation cut short loses nothing, and is done by the next one', async () => {
  const { store, archives } = await sealedStore();
  const [old] = await loadIdentities(store);
  const cut = rotateOwner(store, {
    own: [old ?? ''],
    identities: [],
    onProgress: () => {
      throw new Error('cut short');
    },
  });
  await expect(cut).rejects.toThrow('cut short');
  const known = await loadIdentities(store);
  for (const archive of archives) await unlockArchive(archive, known);
  expect(await rotateOwner(store, { own: known, identities: [] })).toEqual({
    rewrapped: 3,
    failed: [],
  });
  const left = await loadIdentities(store);
  expect(left).toHaveLength(1);
  for (const archive of archives) expect(await opens(archive, left[0] ?? '')).toBe(true);
});

test.each([
  ['X25519', generateX25519Identity],
  ['post-quantum', generateHybridIdentity],
])('a recipient (%s) is added to and removed from every archive', async (_, generate) => {
  const { store, archives } = await sealedStore();
  const mine = await loadIdentities(store);
  const theirs = await generate();
  await addRecipient(store, await identityToRecipient(theirs), 'a friend', { identities: mine });
  expect(listRecipients(store).map(({ label }) => label)).toEqual(['owner', 'a friend']);
  for (const archive of archives) expect(await opens(archive, theirs)).toBe(true);
  await removeRecipient(store, 'a friend', { identities: mine });
  for (const archive of archives) expect(await opens(archive, theirs)).toBe(false);
  await expect(removeRecipient(store, 'a friend', { identities: mine })).rejects.toMatchObject({
    kind: 'not-found',
  });
  await expect(
    addRecipient(store, 'ssh-nonsense', 'x', { identities: mine }),
  ).rejects.toMatchObject({
    kind: 'usage',
  });
});

test('a key in hardware (age1tag) is sealed for, and opens with a plugin of age', async () => {
  const { store, archives } = await sealedStore();
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
  const sign = 2 + ((Buffer.from(y, 'base64url').at(-1) ?? 0) & 1);
  const point = Buffer.concat([Buffer.of(sign), Buffer.from(x, 'base64url')]);
  const recipient = bech32.encodeFromBytes('age1tag', point);
  await addRecipient(store, recipient, 'card', { identities: await loadIdentities(store) });
  for (const archive of archives) {
    expect(readFileSync(join(archive, 'key.age'), 'latin1')).toMatch(/^-> p256tag /m);
    await unlockArchive(archive, await loadIdentities(store));
  }
  // Of other plugins only the plugin itself knows how to encrypt.
  await expect(
    addRecipient(store, 'age1yubikey1qqq', 'x', { identities: [] }),
  ).rejects.toMatchObject({ kind: 'usage' });
});

test('a new recovery identity takes the place of the one before', async () => {
  const { store, archives } = await sealedStore();
  let recovery = '';
  await replaceRecovery(store, {
    identities: await loadIdentities(store),
    show: (made) => {
      recovery = made;
      // Nobody has it yet: no archive is made for it.
      expect(listRecipients(store)).toHaveLength(1);
    },
  });
  for (const archive of archives) expect(await opens(archive, recovery)).toBe(true);
  expect(listRecipients(store)).toHaveLength(2);
});

test("an identity behind a passphrase is age's own format, and needs the passphrase", async () => {
  const store = createStore(join(temporaryDirectory(), 'store'));
  await createKeys(store, { passphrase: 'correct horse' });
  expect(isProtected(store)).toBe(true);
  expect(readFileSync(keyPaths(store).identity, 'latin1')).toMatch(
    /^age-encryption\.org\/v1\n-> scrypt /,
  );
  await expect(loadIdentities(store)).rejects.toMatchObject({ kind: 'wrong-key' });
  await expect(loadIdentities(store, { passphrase: () => 'wrong' })).rejects.toMatchObject({
    kind: 'wrong-key',
  });
  expect(await loadIdentities(store, { passphrase: () => 'correct horse' })).toHaveLength(1);
});
