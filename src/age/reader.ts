import { closeSync, fstatSync, readSync } from 'node:fs';
import { errno, errnoOf } from '../errno.ts';
import { TaskfsError } from '../errors.ts';
import { openRegularFile, readFully, readRegularFile } from '../files/index.ts';
import { ChunkCache, type Places } from './chunk-cache.ts';
import { readHeader } from './header.ts';
import {
  CHUNK,
  NONCE,
  openChunk,
  openChunkInto,
  type Payload,
  payloadKey,
  plainSize,
  SEALED_CHUNK,
  TAG,
} from './payload.ts';
import type { DecryptAhead } from './read-ahead.ts';
import { ReadAhead } from './read-ahead-window.ts';

/** An age file opened for reading at any place. Nothing is decrypted before it is asked for. */
export interface DecryptedFile {
  /** Bytes of plaintext. */
  readonly size: number;
  /** Fills `into` from an offset of the plaintext; returns how many bytes there were. Throws `damaged`. */
  read(into: Uint8Array, offset: number): number;
  /** What is at hand from an offset within the file on, one byte at least; good until the next call. Throws `damaged`. */
  peek(offset: number): Buffer;
  close(): void;
}

/** Opens an age file whose file key is known. The caller closes `fd`. Throws `damaged`, `failed`. */
export function openPayload(path: string, fileKey: Uint8Array): Payload {
  const fd = openSealed(path);
  try {
    const header = readHeader(fd, path);
    const nonce = Buffer.alloc(NONCE);
    const got = readSync(fd, nonce, 0, NONCE, header.length);
    const start = header.length + NONCE;
    const length = fstatSync(fd).size - start;
    const size = got === NONCE ? plainSize(length) : undefined;
    if (size === undefined) throw truncated(path, start + Math.max(length, 0));
    return { fd, path, key: payloadKey(fileKey, nonce), start, length, size };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** Opens a file of an archive. Throws `damaged` where it is missing or no file, `failed`. */
export function openSealed(path: string): number {
  try {
    return openRegularFile(path);
  } catch (cause) {
    throw missing(path, cause);
  }
}

/** The whole of a small file of an archive. Throws as `openSealed`, and `damaged` where it is too long. */
export function readSealed(path: string, limit: number): Buffer {
  try {
    return readRegularFile(path, limit);
  } catch (cause) {
    throw missing(path, cause);
  }
}

function missing(path: string, cause: unknown): unknown {
  if (cause instanceof TaskfsError || errnoOf(cause) !== errno.ENOENT) return cause;
  return new TaskfsError('damaged', `${path} is missing`, { cause });
}

function truncated(path: string, at: number): TaskfsError {
  return new TaskfsError('damaged', `${path} is truncated at byte ${at}`, {
    hint: "'taskfs verify' says what is lost; other files of the archive may still read.",
  });
}

/** Opens one chunk. Throws `damaged` where it is not whole. */
export function readChunk(payload: Payload, number: number): Buffer {
  const sealed = readSealedChunks(payload, number, 1);
  const plain = Buffer.allocUnsafe(Math.max(sealed.length - TAG, 0));
  if (!openInto(payload, number, sealed, plain)) throw damageOf(payload, number, sealed);
  return plain;
}

/** What was read last as it lies in the file: one room serves all reads of a thread in turn. */
let sealedRoom = Buffer.alloc(0);

/** Chunks `first` to `first + count - 1` as they are in the file, fewer bytes where it was cut. */
function readSealedChunks({ fd, start, length }: Payload, first: number, count: number): Buffer {
  const from = first * SEALED_CHUNK;
  const size = Math.min(count * SEALED_CHUNK, length - from);
  if (sealedRoom.length < size) sealedRoom = Buffer.allocUnsafeSlow(size);
  const got = readFully(fd, sealedRoom.subarray(0, size), start + from);
  return sealedRoom.subarray(0, got);
}

/** Where it is false, what is in `plain` is nothing to be used. */
function openInto(payload: Payload, number: number, sealed: Buffer, plain: Buffer): boolean {
  const { key, length } = payload;
  const at = number * SEALED_CHUNK;
  const size = Math.min(SEALED_CHUNK, length - at);
  if (sealed.length < size) return false;
  return openChunkInto(key, number, at + size === length, sealed, plain);
}

/** What is wrong with a chunk that does not open. */
function damageOf({ key, path, start, length }: Payload, number: number, sealed: Buffer) {
  const at = number * SEALED_CHUNK;
  if (sealed.length < Math.min(SEALED_CHUNK, length - at)) {
    return truncated(path, start + at + sealed.length);
  }
  // A whole chunk that says "more follows" at the end of the file: what followed was cut off.
  const last = at + sealed.length === length;
  if (last && sealed.length > TAG && openChunk(key, number, false, sealed)) {
    return truncated(path, start + length);
  }
  return new TaskfsError('damaged', `${path} is damaged in chunk ${number} (byte ${start + at})`, {
    hint: "'taskfs verify --deep' says which files that concerns; the others still read.",
  });
}

/** Chunks read at once where no more than that are asked for. */
const AT_ONCE = 16;
/** Chunks kept where a file has no cache in common with others. */
const CACHED = 48;

/** Where chunks are kept, and who decrypts them ahead. */
export interface Chunks {
  readonly cache: ChunkCache;
  readonly ahead: DecryptAhead | undefined;
}

/** Opens an age file for random access. Throws as `openPayload`. */
export function openDecrypted(
  path: string,
  fileKey: Uint8Array,
  { cache, ahead }: Chunks = { cache: new ChunkCache(CACHED), ahead: undefined },
): DecryptedFile {
  const payload = openPayload(path, fileKey);
  const chunks = Math.ceil(payload.length / SEALED_CHUNK);
  const places: Places = new Map();
  const sequence = ahead && new ReadAhead(payload, chunks, places, ahead);

  const keep = (number: number, sealed: Buffer): Buffer | undefined =>
    cache.fill(places, number, (room) =>
      openInto(payload, number, sealed, room.subarray(0, Math.max(sealed.length - TAG, 0))),
    );
  const load = (first: number, wanted: number): Buffer => {
    const limit = first + Math.min(wanted, AT_ONCE, chunks - first);
    let end = first + 1;
    while (end < limit && !places.has(end)) end++;
    const sealed = readSealedChunks(payload, first, end - first);
    const sealedOf = (number: number): Buffer => {
      const at = (number - first) * SEALED_CHUNK;
      return sealed.subarray(at, at + SEALED_CHUNK);
    };
    // The first one last: any of them may get the room of one before it. Damage in the others is for
    // whoever asks for those to meet.
    for (let number = end - 1; number > first; number--) keep(number, sealedOf(number));
    const plain = keep(first, sealedOf(first));
    if (plain) return plain;
    throw damageOf(payload, first, sealedOf(first));
  };
  /** The chunk of that number, good until the next call; its bytes end where the file's do, or later. */
  const chunkAt = (number: number, wanted: number): Buffer => {
    sequence?.note(number);
    return cache.get(places, number) ?? load(number, wanted);
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
      cache.drop(places);
      closeSync(payload.fd);
    },
  };
}
