import { createCipheriv, randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { nativeChaCha20Poly1305 } from '../../src/sys/index.ts';

const native = nativeChaCha20Poly1305();
const key = randomBytes(32);
const nonce = randomBytes(12);

function sealedByNode(plain: Buffer): Buffer {
  const cipher = createCipheriv('chacha20-poly1305', key, nonce, { authTagLength: 16 });
  return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

test('this Node exports the cipher', () => {
  expect(native).toBeDefined();
});

test.each([0, 1, 63, 64, 65, 65_535, 65_536])('seals and opens %i bytes as node:crypto', (size) => {
  const plain = randomBytes(size);
  const sealed = new Uint8Array(new SharedArrayBuffer(size + 16));
  native?.seal(key, nonce, plain, sealed);
  expect(Buffer.from(sealed)).toEqual(sealedByNode(plain));
  const opened = Buffer.alloc(size);
  expect(native?.open(key, nonce, sealed, opened)).toBe(true);
  expect(opened).toEqual(plain);
});

test('opens nothing of which a bit, the key or the nonce is another', () => {
  const sealed = sealedByNode(randomBytes(1000));
  const out = Buffer.alloc(1000);
  for (const at of [0, 999, 1000, 1015]) {
    const changed = Buffer.from(sealed);
    changed[at] = (changed[at] ?? 0) ^ 1;
    expect(native?.open(key, nonce, changed, out), `byte ${at}`).toBe(false);
  }
  expect(native?.open(randomBytes(32), nonce, sealed, out)).toBe(false);
  expect(native?.open(key, randomBytes(12), sealed, out)).toBe(false);
  expect(native?.open(key, nonce, sealed, out)).toBe(true);
});
