import { closeSync, fstatSync } from 'node:fs';
import { TaskfsError } from '../errors.ts';
import { openRequiredFile, readFully } from '../files/index.ts';
import { ChunkCache, type Slots } from './chunk-cache.ts';
import { readHeader } from './header.ts';
import {
  CHUNK,
  decryptChunk,
  decryptChunkInto,
  decryptedSize,
  ENCRYPTED_CHUNK,
  NONCE,
  type Payload,
  payloadKey,
  TAG,
} from './payload.ts';
import type { ReadAhead } from './read-ahead.ts';
import { ReadAheadWindow } from './read-ahead-window.ts';

/** An age file opened for reading at any place. Nothing is decrypted before it is asked for. */
export interface DecryptedFile {
  /** Bytes of plaintext. */
  readonly size: number;
  /** Reads at an offset of the plaintext; returns how many bytes there were. Throws `damaged`. */
  read(into: Uint8Array, offset: number): number;
  /**
   * The plaintext from an offset within the file to the end of its chunk; good until the next
   * call. Throws `damaged`.
   */
  peek(offset: number): Buffer;
  close(): void;
}

/**
 * Opens an age file whose file key is known. Throws `damaged`, `failed`. The caller closes `fd`.
 */
export function openPayload(path: string, fileKey: Uint8Array): Payload {
  const fd = openRequiredFile(path);
  try {
    const { start, length, size } = locatePayload(fd, path);
    const nonce = Buffer.alloc(NONCE);
    readFully(fd, nonce, start - NONCE);
    return { fd, path, key: payloadKey(fileKey, nonce), start, length, size };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** How many bytes an age file holds once decrypted, without any key. Throws as `openPayload`. */
export function decryptedFileSize(path: string): number {
  const fd = openRequiredFile(path);
  try {
    return locatePayload(fd, path).size;
  } finally {
    closeSync(fd);
  }
}

/** Where the chunks of an open age file lie, and how much they hold. Throws `damaged`. */
function locatePayload(fd: number, path: string): Pick<Payload, 'start' | 'length' | 'size'> {
  const start = readHeader(fd, path).length + NONCE;
  const length = fstatSync(fd).size - start;
  const size = decryptedSize(length);
  if (size === undefined) throw truncated(path, start + Math.max(length, 0));
  return { start, length, size };
}

function truncated(path: string, at: number): TaskfsError {
  return new TaskfsError('damaged', `${path} is truncated at byte ${at}`, {
    hint: "'taskfs verify' says what is lost; other files of the archive may still read.",
  });
}

/** Decrypts one chunk. Throws `damaged` where it is not whole. */
export function readChunk(payload: Payload, number: number): Buffer {
  const encrypted = readEncrypted(payload, number, 1);
  const plain = Buffer.allocUnsafe(Math.max(encrypted.length - TAG, 0));
  if (!decryptInto(payload, number, encrypted, plain)) throw damageOf(payload, number, encrypted);
  return plain;
}

/** What was read last, still encrypted: one buffer serves all reads of a thread in turn. */
let encryptedBuffer = Buffer.alloc(0);

/** Chunks `first` to `first + count - 1` as they are in the file, fewer bytes where it was cut. */
function readEncrypted({ fd, start, length }: Payload, first: number, count: number): Buffer {
  const from = first * ENCRYPTED_CHUNK;
  const size = Math.min(count * ENCRYPTED_CHUNK, length - from);
  if (encryptedBuffer.length < size) encryptedBuffer = Buffer.allocUnsafeSlow(size);
  const got = readFully(fd, encryptedBuffer.subarray(0, size), start + from);
  return encryptedBuffer.subarray(0, got);
}

/** Where this returns false, `plain` must not be used. */
function decryptInto(payload: Payload, number: number, encrypted: Buffer, plain: Buffer): boolean {
  const { key, length } = payload;
  const at = number * ENCRYPTED_CHUNK;
  const size = Math.min(ENCRYPTED_CHUNK, length - at);
  if (encrypted.length < size) return false;
  return decryptChunkInto(key, number, at + size === length, encrypted, plain);
}

/** What is wrong with a chunk that cannot be decrypted. */
function damageOf(payload: Payload, number: number, encrypted: Buffer): TaskfsError {
  const { key, path, start, length } = payload;
  const at = number * ENCRYPTED_CHUNK;
  if (encrypted.length < Math.min(ENCRYPTED_CHUNK, length - at)) {
    return truncated(path, start + at + encrypted.length);
  }
  // A whole chunk that says "more follows" at the end of the file: what followed was cut off.
  const last = at + encrypted.length === length;
  if (last && encrypted.length > TAG && decryptChunk(key, number, false, encrypted)) {
    return truncated(path, start + length);
  }
  return new TaskfsError('damaged', `${path} is damaged in chunk ${number} (byte ${start + at})`, {
    hint: "'taskfs verify --deep' says which files that concerns; the others still read.",
  });
}

/** Chunks read at once at most. */
const BATCH = 16;
/** Chunks kept where a file has no cache in common with others. */
const CACHED = 48;

/** Where chunks are kept, and who decrypts them ahead. */
export interface Chunks {
  readonly cache: ChunkCache;
  readonly ahead: ReadAhead | undefined;
}

/** Opens an age file for random access. Throws as `openPayload`. */
export function openDecrypted(
  path: string,
  fileKey: Uint8Array,
  { cache, ahead }: Chunks = { cache: new ChunkCache(CACHED), ahead: undefined },
): DecryptedFile {
  const payload = openPayload(path, fileKey);
  const chunks = Math.ceil(payload.length / ENCRYPTED_CHUNK);
  const slots: Slots = new Map();
  const window = ahead && new ReadAheadWindow(payload, chunks, slots, ahead);

  const keep = (number: number, encrypted: Buffer): Buffer | undefined =>
    cache.fill(slots, number, (slot) => {
      const plain = slot.subarray(0, Math.max(encrypted.length - TAG, 0));
      return decryptInto(payload, number, encrypted, plain);
    });
  const load = (first: number, wanted: number): Buffer => {
    const limit = first + Math.min(wanted, BATCH, chunks - first);
    let end = first + 1;
    while (end < limit && !slots.has(end)) end++;
    const encrypted = readEncrypted(payload, first, end - first);
    const encryptedOf = (number: number): Buffer => {
      const at = (number - first) * ENCRYPTED_CHUNK;
      return encrypted.subarray(at, at + ENCRYPTED_CHUNK);
    };
    // The first one last: any of them may get the slot of one before it. Damage in the others is
    // reported when they are asked for.
    for (let number = end - 1; number > first; number--) keep(number, encryptedOf(number));
    const plain = keep(first, encryptedOf(first));
    if (plain) return plain;
    throw damageOf(payload, first, encryptedOf(first));
  };
  /** A chunk, good until the next call; its bytes end where the file's do, or later. */
  const chunkAt = (number: number, wanted: number): Buffer => {
    window?.note(number);
    return cache.get(slots, number) ?? load(number, wanted);
  };

  return {
    size: payload.size,
    read(into, offset) {
      const end = Math.min(offset + into.length, payload.size);
      for (let at = offset; at < end; ) {
        const number = Math.floor(at / CHUNK);
        const within = at - number * CHUNK;
        const part = Math.min(CHUNK - within, end - at);
        const chunk = chunkAt(number, Math.ceil(end / CHUNK) - number);
        into.set(chunk.subarray(within, within + part), at - offset);
        at += part;
      }
      return Math.max(end - offset, 0);
    },
    peek(offset) {
      const number = Math.floor(offset / CHUNK);
      const begin = number * CHUNK;
      return chunkAt(number, 1).subarray(offset - begin, payload.size - begin);
    },
    close: () => {
      cache.drop(slots);
      closeSync(payload.fd);
    },
  };
}
