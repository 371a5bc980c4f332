import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Decrypter } from 'age-encryption';
import { expect, test } from 'vitest';
import { encryptFor, sshIdentity } from '../../src/age/index.ts';
import { unlockArchive } from '../../src/archive/index.ts';
import { addRecipient, rotateOwner } from '../../src/archive/maintain/index.ts';
import { KEY_FILE } from '../../src/archive/paths.ts';
import { sealTask } from '../../src/archive/write/index.ts';
import { keyPaths, loadIdentities, parseRecipient } from '../../src/store/index.ts';
import { endedTask, storeWithKeys } from '../support/sealable.ts';
import { temporaryDirectory } from '../support/temporary.ts';

/** Made by ssh-keygen for these tests, and used nowhere else. */
const PUBLIC = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMuXlxe9lTXO2wESQMdRK/yRBcKv4CTElZSkobsHefl0';
const PRIVATE = [
  '-----BEGIN OPENSSH PRIVATE KEY-----',
  'b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW',
  'QyNTUxOQAAACDLl5cXvZU1ztsBEkDHUSv8kQXCr+AkxJWUpKG7B3n5dAAAAIiGx7dShse3',
  'UgAAAAtzc2gtZWQyNTUxOQAAACDLl5cXvZU1ztsBEkDHUSv8kQXCr+AkxJWUpKG7B3n5dA',
  'AAAED2Ma1zu7VtmViLkLQGyqDbw4ZJnen7ODAAI5Eq1DmWFMuXlxe9lTXO2wESQMdRK/yR',
  'BcKv4CTElZSkobsHefl0AAAABHRlc3QB',
  '-----END OPENSSH PRIVATE KEY-----',
  '',
].join('\n');

/** Made with a passphrase. */
const PROTECTED = [
  '-----BEGIN OPENSSH PRIVATE KEY-----',
  'b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAAGAAAABCMvDWHvk',
  '0JYoJwhh+EkVxKAAAAAQAAAAEAAAAzAAAAC3NzaC1lZDI1NTE5AAAAID7kEdEINV4+xaKr',
  'P2QbqFi+EDjfKgoZ+NRCriEEiZa8AAAAkEFDSCvKec7Guqufye6zlc4PD94p9LxT8jNtjm',
  '7WJiu+ziEmZZFebPND0KFBv6EKmgK1GOKgU1ac1D7V0GY0ahKstFfHpy9vZLVnxCvE8PTI',
  'F0sOoVnOt1grJzM+zyJqN/3fJR2UPdrahiDTZ/4g4KBDI+wfX6YkgqNxPEcYEJX5YpOXbI',
  '8Qf7HfBstpFLV0EQ==',
  '-----END OPENSSH PRIVATE KEY-----',
  '',
].join('\n');

function keyFile(text: string): string {
  const path = join(temporaryDirectory(), 'id_ed25519');
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

test('what is encrypted for an SSH key opens with age, and the other way round', async () => {
  const key = keyFile(PRIVATE);
  const plain = Buffer.from('for the holder of an SSH key');
  const ours = await encryptFor([await parseRecipient(PUBLIC)], plain);
  expect(execFileSync('age', ['-d', '-i', key], { input: ours })).toEqual(plain);
  const theirs = execFileSync('age', ['-r', PUBLIC], { input: plain });
  const decrypter = new Decrypter();
  decrypter.addIdentity(sshIdentity(PRIVATE));
  expect(Buffer.from(await decrypter.decrypt(theirs))).toEqual(plain);
});

test('an SSH key beside age keys opens archives, also after a rotation', async () => {
  const store = await storeWithKeys();
  const { task, paths } = endedTask(store, 'one');
  writeFileSync(join(paths.staging, 'file'), 'content');
  await sealTask(store, task);
  const own = await loadIdentities(store);
  await expect(unlockArchive(paths.archive, [PRIVATE])).rejects.toMatchObject({
    kind: 'wrong-key',
  });
  await addRecipient(store, PUBLIC, 'laptop', { identities: own });
  const named = await loadIdentities(store, { file: keyFile(PRIVATE) });
  await unlockArchive(paths.archive, named);
  await rotateOwner(store, { own, identities: [] });
  await unlockArchive(paths.archive, named);
  await unlockArchive(paths.archive, await loadIdentities(store));
  const identity = execFileSync('age', [
    '-d',
    '-i',
    keyFile(PRIVATE),
    join(paths.archive, KEY_FILE),
  ]);
  expect(identity.toString()).toMatch(/^AGE-SECRET-KEY-1/m);
  // Its comment names a person and a machine: it is not kept.
  expect(readFileSync(keyPaths(store).recipients, 'utf8')).toContain(`# laptop\n${PUBLIC}\n`);
  expect(await parseRecipient(`  ${PUBLIC} me@here`)).toBe(PUBLIC);
});

test('SSH keys that cannot be used are told apart from damage', async () => {
  const store = await storeWithKeys();
  const { task, paths } = endedTask(store, 'one');
  await sealTask(store, task);
  const named = await loadIdentities(store, { file: keyFile(PROTECTED) });
  await expect(unlockArchive(paths.archive, named)).rejects.toMatchObject({
    kind: 'wrong-key',
    message: expect.stringContaining('passphrase'),
  });
  const cut = `${PRIVATE.split('\n')[0]}\nAAAA\n`;
  await expect(unlockArchive(paths.archive, [cut])).rejects.toMatchObject({ kind: 'wrong-key' });
  for (const bad of [
    'ssh-ed25519',
    'ssh-ed25519 AAAA',
    'ssh-rsa AAAAB3NzaC1yc2EAAAA',
    PUBLIC.slice(0, 60),
  ]) {
    await expect(parseRecipient(bad)).rejects.toMatchObject({ kind: 'usage' });
  }
});
