import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto';
import { nativeChaCha20Poly1305 } from '../sys/index.ts';
import { hkdf } from './key-wrapping.ts';

/**
 * The payload of an age v1 file: after the header a 16-byte nonce, then chunks of the STREAM
 * construction (C2SP age.md, "Payload"). Each chunk is encrypted by itself, so any of them can be
 * written or read without the others.
 */

/** Plaintext bytes of a chunk; only the last may be shorter. */
export const CHUNK = 64 * 1024;
export const TAG = 16;
/** Bytes of a whole chunk on disk. */
export const ENCRYPTED_CHUNK = CHUNK + TAG;
export const NONCE = 16;

/** Where the payload of an open age file lies, and its key. */
export interface Payload {
  readonly fd: number;
  readonly path: string;
  readonly key: KeyObject;
  /** Where its first chunk begins in the file. */
  readonly start: number;
  /** Bytes of its chunks. */
  readonly length: number;
  readonly size: number;
}

const CIPHER = 'chacha20-poly1305';
const native = nativeChaCha20Poly1305();

/** The key of a payload, kept by node:crypto; the native cipher takes the bytes behind it. */
export function payloadKey(fileKey: Uint8Array, nonce: Uint8Array): KeyObject {
  return createSecretKey(hkdf(fileKey, nonce, 'payload'));
}

const bytesOfKeys = new WeakMap<KeyObject, Buffer>();

function bytesOf(key: KeyObject): Buffer {
  const known = bytesOfKeys.get(key);
  if (known) return known;
  const bytes = key.export();
  bytesOfKeys.set(key, bytes);
  return bytes;
}

/** The counter, 11 bytes big-endian, and whether the chunk is the last. */
function chunkNonce(counter: number, last: boolean): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeUIntBE(counter, 5, 6);
  nonce[11] = last ? 1 : 0;
  return nonce;
}

/** Encrypts one chunk into `out`, which is long enough for it and its tag. */
export function encryptChunk(
  key: KeyObject,
  counter: number,
  last: boolean,
  plain: Uint8Array,
  out: Uint8Array,
): void {
  const nonce = chunkNonce(counter, last);
  if (native) {
    native.encrypt(bytesOf(key), nonce, plain, out);
    return;
  }
  const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG });
  out.set(cipher.update(plain), 0);
  cipher.final();
  out.set(cipher.getAuthTag(), plain.length);
}

/** Decrypts one chunk; undefined where it was not encrypted under this key at this place. */
export function decryptChunk(
  key: KeyObject,
  counter: number,
  last: boolean,
  encrypted: Uint8Array,
): Buffer | undefined {
  const plain = Buffer.allocUnsafe(encrypted.length - TAG);
  return decryptChunkInto(key, counter, last, encrypted, plain) ? plain : undefined;
}

/** The same into `out`, as long as the plaintext and not to be used where this returns false. */
export function decryptChunkInto(
  key: KeyObject,
  counter: number,
  last: boolean,
  encrypted: Uint8Array,
  out: Uint8Array,
): boolean {
  const nonce = chunkNonce(counter, last);
  if (native) return native.decrypt(bytesOf(key), nonce, encrypted, out);
  const end = encrypted.length - TAG;
  const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG });
  decipher.setAuthTag(encrypted.subarray(end));
  out.set(decipher.update(encrypted.subarray(0, end)));
  try {
    decipher.final();
    return true;
  } catch {
    return false;
  }
}

/** Encrypts consecutive chunks, from number `counter` on; returns how much of `out` they fill. */
export function encryptChunks(
  key: KeyObject,
  counter: number,
  last: boolean,
  plain: Uint8Array,
  out: Uint8Array,
): number {
  let written = 0;
  let number = counter;
  for (let at = 0; at < plain.length || at === 0; at += CHUNK) {
    const chunk = plain.subarray(at, at + CHUNK);
    const isLast = last && at + CHUNK >= plain.length;
    encryptChunk(key, number++, isLast, chunk, out.subarray(written));
    written += chunk.length + TAG;
  }
  return written;
}

/** Bytes on disk of so much plaintext, which is not nothing. */
export const encryptedSize = (plain: number): number => plain + Math.ceil(plain / CHUNK) * TAG;

/** The same backwards: plaintext bytes of chunks; undefined where no payload has such a length. */
export function decryptedSize(encrypted: number): number | undefined {
  const chunks = Math.ceil(encrypted / ENCRYPTED_CHUNK);
  const lastChunk = encrypted - (chunks - 1) * ENCRYPTED_CHUNK - TAG;
  const fits = chunks > 0 && (chunks === 1 ? lastChunk >= 0 : lastChunk > 0);
  return fits ? encrypted - chunks * TAG : undefined;
}
