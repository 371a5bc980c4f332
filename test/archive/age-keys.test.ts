import { execFileSync } from 'node:child_process';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bech32 } from '@scure/base';
import { Decrypter, generateHybridIdentity, identityToRecipient } from 'age-encryption';
import { describe, expect, test } from 'vitest';
import {
  decryptNatively,
  encryptFor,
  makeHeader,
  newAgePair,
  readHeader,
} from '../../src/age/index.ts';
import { temporaryDirectory } from '../support/temporary.ts';

/** What the age program makes of a file with an identity. */
function decryptWithAge(identity: string, file: Uint8Array): string {
  const path = join(temporaryDirectory(), 'identity.txt');
  writeFileSync(path, `${identity}\n`, { mode: 0o600 });
  return execFileSync('age', ['-d', '-i', path], { input: file }).toString();
}

/** What the age package makes of it. */
async function decryptWithPackage(identity: string, file: Uint8Array): Promise<string> {
  const decrypter = new Decrypter();
  decrypter.addIdentity(identity);
  return await decrypter.decrypt(file, 'text');
}

describe('small files, opened without the age package', () => {
  const secret = Buffer.from('a secret');

  test('what either program encrypted, to several, for each of them and nobody else', async () => {
    const pairs = [newAgePair(), newAgePair()];
    const recipients = pairs.map(({ recipient }) => recipient);
    const args = recipients.flatMap((recipient) => ['-r', recipient]);
    const theirs = execFileSync('age', args, { input: secret });
    for (const file of [theirs, await encryptFor(recipients, secret)]) {
      for (const { identity } of pairs) expect(decryptNatively(file, identity)).toEqual(secret);
      expect(decryptNatively(file, newAgePair().identity)).toBeUndefined();
    }
  });

  test('nothing of a file in which any byte is another', async () => {
    const { identity, recipient } = newAgePair();
    const file = await encryptFor([recipient], secret);
    for (let at = 0; at < file.length; at++) {
      const changed = Buffer.from(file);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(decryptNatively(changed, identity), `byte ${at}`).toBeUndefined();
    }
    for (let end = 0; end < file.length; end++) {
      expect(decryptNatively(file.subarray(0, end), identity)).toBeUndefined();
    }
    expect(decryptNatively(file, 'no identity')).toBeUndefined();
  });
});

describe('keys of a task, made without the age package', () => {
  test('the age program and the package derive the same recipient from an identity', async () => {
    const { identity, recipient } = newAgePair();
    expect(await identityToRecipient(identity)).toBe(recipient);
    expect(execFileSync('age-keygen', ['-y'], { input: identity }).toString().trim()).toBe(
      recipient,
    );
  });

  test('each of several recipients opens a file, by the age program and the package', async () => {
    const pairs = [newAgePair(), newAgePair(), newAgePair()];
    const file = await encryptFor(
      pairs.map(({ recipient }) => recipient),
      Buffer.from('a secret'),
    );
    for (const { identity } of pairs) {
      expect(decryptWithAge(identity, file)).toBe('a secret');
      expect(await decryptWithPackage(identity, file)).toBe('a secret');
    }
    await expect(decryptWithPackage(newAgePair().identity, file)).rejects.toThrow('no identity');
  });

  test('a post-quantum recipient beside others is left to the package', async () => {
    const { identity, recipient } = newAgePair();
    const hybrid = await generateHybridIdentity();
    const recipients = [recipient, await identityToRecipient(hybrid)];
    const file = await encryptFor(recipients, Buffer.from('a secret'));
    expect(await decryptWithPackage(hybrid, file)).toBe('a secret');
    expect(decryptWithAge(identity, file)).toBe('a secret');
  });

  test('a header is read whole, however many recipients it has', async () => {
    for (const count of [1, 40]) {
      const recipients = Array.from({ length: count }, () => newAgePair().recipient);
      const file = join(temporaryDirectory(), 'file.age');
      writeFileSync(file, await encryptFor(recipients, Buffer.from('a secret')));
      const fd = openSync(file, 'r');
      const header = readHeader(fd, file).toString('latin1');
      closeSync(fd);
      expect(header.match(/^-> X25519 /gm)).toHaveLength(count);
      expect(header).toMatch(/\n--- [\w+/]{43}\n$/);
    }
  });

  test('no two headers share a key', async () => {
    const { recipient } = newAgePair();
    const [one, other] = await Promise.all([makeHeader([recipient]), makeHeader([recipient])]);
    expect(one.fileKey).not.toEqual(other.fileKey);
    expect(one.bytes.equals(other.bytes)).toBe(false);
  });

  test('nothing is sealed for what is no recipient, or a point that keeps no secret', async () => {
    const { recipient } = newAgePair();
    const broken = `${recipient.slice(0, -1)}${recipient.endsWith('q') ? 'p' : 'q'}`;
    const weak = bech32.encodeFromBytes('age', new Uint8Array(32));
    for (const refused of [broken, weak, recipient.slice(0, -2), 'age1', 'somebody']) {
      await expect(makeHeader([recipient, refused])).rejects.toThrow();
    }
  });
});
