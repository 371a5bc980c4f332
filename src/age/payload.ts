import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  hkdfSync,
  type KeyObject,
} from 'node:crypto';
import { nativeChaCha20Poly1305 } from '../sys/index.ts';

/**
 * The payload of an age v1 file: after the header a 16-byte nonce, then chunks of the STREAM
 * construction (C2SP age.md, "Payload"). A chunk is sealed alone, so any of them can be written or
 * read without the others.
 */

/** Plaintext bytes of a chunk; only the last may be shorter. */
export const CHUNK = 64 * 1024;
export const TAG = 16;
/** Bytes of a whole chunk on disk. */
export const SEALED_CHUNK = CHUNK + TAG;
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

/** Checked and kept by node:crypto; the bytes behind it are what the native cipher takes. */
export function payloadKey(fileKey: Uint8Array, nonce: Uint8Array): KeyObject {
  return createSecretKey(Buffer.from(hkdfSync('sha256', fileKey, nonce, 'payload', 32)));
}

const bytesOfKeys = new WeakMap<KeyObject, Buffer>();

function bytesOf(key: KeyObject): Buffer {
  const known = bytesOfKeys.get(key);
  if (known) return known;
  const bytes = key.export();
  bytesOfKeys.set(key, bytes);
  return bytes;
}

/** 11 bytes big-endian counter, and whether the chunk is the last. */
function chunkNonce(counter: number, last: boolean): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeUIntBE(counter, 5, 6);
  nonce[11] = last ? 1 : 0;
  return nonce;
}

/** Seals one chunk into `out`, which has room for it and its tag. */
export function sealChunk(
  key: KeyObject,
  counter: number,
  last: boolean,
  plain: Uint8Array,
  out: Uint8Array,
): void {
  const nonce = chunkNonce(counter, last);
  if (native) {
    native.seal(bytesOf(key), nonce, plain, out);
    return;
  }
  const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG });
  out.set(cipher.update(plain), 0);
  cipher.final();
  out.set(cipher.getAuthTag(), plain.length);
}

/** Opens one chunk; undefined where it is not what was sealed under this key at this place. */
export function openChunk(
  key: KeyObject,
  counter: number,
  last: boolean,
  sealed: Uint8Array,
): Buffer | undefined {
  const plain = Buffer.allocUnsafe(sealed.length - TAG);
  return openChunkInto(key, counter, last, sealed, plain) ? plain : undefined;
}

/** The same into `out`, as long as the plaintext. Where it is false, what is in `out` is nothing to be used. */
export function openChunkInto(
  key: KeyObject,
  counter: number,
  last: boolean,
  sealed: Uint8Array,
  out: Uint8Array,
): boolean {
  const nonce = chunkNonce(counter, last);
  if (native) return native.open(bytesOf(key), nonce, sealed, out);
  const end = sealed.length - TAG;
  const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG });
  decipher.setAuthTag(sealed.subarray(end));
  out.set(decipher.update(sealed.subarray(0, end)));
  try {
    decipher.final();
    return true;
  } catch {
    return false;
  }
}

/** Seals consecutive chunks, the first of number `counter`; returns the bytes of `out` that are used. */
export function sealChunks(
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
    sealChunk(key, number++, isLast, chunk, out.subarray(written));
    written += chunk.length + TAG;
  }
  return written;
}

/** Bytes on disk of so much plaintext, which is not nothing. */
export const sealedSize = (plain: number): number => plain + Math.ceil(plain / CHUNK) * TAG;

/** Plaintext bytes of a payload without its nonce; undefined where no payload has such a length. */
export function plainSize(sealed: number): number | undefined {
  const chunks = Math.ceil(sealed / SEALED_CHUNK);
  const lastChunk = sealed - (chunks - 1) * SEALED_CHUNK - TAG;
  const fits = chunks > 0 && (chunks === 1 ? lastChunk >= 0 : lastChunk > 0);
  return fits ? sealed - chunks * TAG : undefined;
}
