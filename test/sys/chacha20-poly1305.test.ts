import { createCipheriv, randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { nativeChaCha20Poly1305 } from '../../src/sys/index.ts';

const native = nativeChaCha20Poly1305();
const key = randomBytes(32);
const nonce = randomBytes(12);

function encryptedByNode(plain: Buffer): Buffer {
  const cipher = createCipheriv('chacha20-poly1305', key, nonce, { authTagLength: 16 });
  return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

test('this Node exports the cipher', () => {
  expect(native).toBeDefined();
});

test.each([0, 1, 63, 64, 65, 65_535, 65_536])(
  'encrypts and decrypts %i bytes as node:crypto',
  (size) => {
    const plain = randomBytes(size);
    const encrypted = new Uint8Array(new SharedArrayBuffer(size + 16));
    native?.encrypt(key, nonce, plain, encrypted);
    expect(Buffer.from(encrypted)).toEqual(encryptedByNode(plain));
    const decrypted = Buffer.alloc(size);
    expect(native?.decrypt(key, nonce, encrypted, decrypted)).toBe(true);
    expect(decrypted).toEqual(plain);
  },
);

test('decrypts nothing of which a bit, the key or the nonce is another', () => {
  const encrypted = encryptedByNode(randomBytes(1000));
  const out = Buffer.alloc(1000);
  for (const at of [0, 999, 1000, 1015]) {
    const changed = Buffer.from(encrypted);
    changed[at] = (changed[at] ?? 0) ^ 1;
    expect(native?.decrypt(key, nonce, changed, out), `byte ${at}`).toBe(false);
  }
  expect(native?.decrypt(randomBytes(32), nonce, encrypted, out)).toBe(false);
  expect(native?.decrypt(key, randomBytes(12), encrypted, out)).toBe(false);
  expect(native?.decrypt(key, nonce, encrypted, out)).toBe(true);
});
