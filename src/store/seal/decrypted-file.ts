import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { TaskfsError } from '../errors.ts';
import { readHeader } from './age-header.ts';
import { ChunkCache, type Places } from './chunk-cache.ts';
import type { DecryptAhead } from './decrypt-ahead.ts';
import {
  CHUNK,
  NONCE,
  openChunk,
  type Payload,
  payloadKey,
  plainSize,
  SEALED_CHUNK,
  TAG,
} from './payload.ts';
import { ReadAhead } from './read-ahead.ts';
import { readFully } from './read-fully.ts';

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

const { O_RDONLY, O_NOFOLLOW } = constants;

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

/** Opens a file of an archive. Throws `damaged` where it is missing. */
export function openSealed(path: string): number {
  try {
    return openSync(path, O_RDONLY | O_NOFOLLOW);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
    throw new TaskfsError('damaged', `${path} is missing`, { cause });
  }
}

function truncated(path: string, at: number): TaskfsError {
  return new TaskfsError('damaged', `${path} is truncated at byte ${at}`, {
    hint: "'taskfs verify' says what is lost; other files of the archive may still read.",
  });
}

/** Opens chunks `first` to `first + count - 1`, read at once. Throws `damaged` at the first that is not whole. */
export function readChunks(payload: Payload, first: number, count: number): Buffer[] {
  const { fd, start, length } = payload;
  const from = first * SEALED_CHUNK;
  const sealed = Buffer.allocUnsafe(Math.min(count * SEALED_CHUNK, length - from));
  const got = readFully(fd, sealed, start + from);
  if (got < sealed.length) throw truncated(payload.path, start + from + got);
  const chunks: Buffer[] = [];
  for (let at = 0; at < sealed.length; at += SEALED_CHUNK) {
    chunks.push(open(payload, first + chunks.length, sealed.subarray(at, at + SEALED_CHUNK)));
  }
  return chunks;
}

function open(payload: Payload, number: number, sealed: Buffer): Buffer {
  const { key, path, start, length } = payload;
  const at = number * SEALED_CHUNK;
  const last = at + sealed.length === length;
  const plain = openChunk(key, number, last, sealed);
  if (plain) return plain;
  // A whole chunk that says "more follows" at the end of the file: what followed was cut off.
  if (last && sealed.length > TAG && openChunk(key, number, false, sealed)) {
    throw truncated(path, start + length);
  }
  throw new TaskfsError('damaged', `${path} is damaged in chunk ${number} (byte ${start + at})`, {
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

  const load = (number: number, wanted: number): Buffer => {
    const limit = number + Math.min(wanted, AT_ONCE, chunks - number);
    let end = number + 1;
    while (end < limit && !places.has(end)) end++;
    const loaded = loadAhead(payload, number, end - number);
    loaded.forEach((chunk, index) => {
      cache.put(places, number + index, chunk);
    });
    return loaded[0] as Buffer;
  };
  /** The chunk of that number; its bytes end where the file's do, or later. */
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

/** Only the first chunk was asked for: damage further on is somebody else's to meet. */
function loadAhead(payload: Payload, first: number, count: number): Buffer[] {
  if (count === 1) return readChunks(payload, first, 1);
  try {
    return readChunks(payload, first, count);
  } catch (error) {
    if (!(error instanceof TaskfsError)) throw error;
    return readChunks(payload, first, 1);
  }
}
