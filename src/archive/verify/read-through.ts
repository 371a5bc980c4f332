import { createHash } from 'node:crypto';
import { closeSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Payload } from '../../age/index.ts';
import {
  CHUNK,
  decryptChunk,
  decryptChunkInto,
  ENCRYPTED_CHUNK,
  headerMac,
  openPayload,
  readHeader,
  TAG,
} from '../../age/index.ts';
import { TaskfsError } from '../../errors.ts';
import { readFully } from '../../files/index.ts';
import type { FileSeal } from '../seal-record.ts';

/** One chunk of a file that is read front to back. */
export interface Chunk {
  readonly number: number;
  /** Bytes of plaintext it should hold. */
  readonly length: number;
  /** Undefined where it is not what was sealed; good until the next chunk. */
  readonly plain: Buffer | undefined;
  /** Where it begins in the encrypted file. */
  readonly at: number;
  /** Not the last chunk by its own account, yet the last of the file. */
  readonly cutOff: boolean;
}

/** Chunks read at once. */
const BATCH = 16;

/**
 * Decrypts a whole age file, chunk after chunk, damaged ones included, and measures it on the way.
 * Throws `damaged` only where the file has no header or no possible length.
 */
export async function readThrough(
  path: string,
  fileKey: Uint8Array,
  onChunk: (chunk: Chunk) => void,
): Promise<FileSeal> {
  const payload = openPayload(path, fileKey);
  try {
    const hash = createHash('sha256');
    const start = Buffer.alloc(payload.start);
    readFully(payload.fd, start, 0);
    hash.update(start);
    const batch = Buffer.allocUnsafeSlow(Math.min(BATCH * ENCRYPTED_CHUNK, payload.length));
    const plain = Buffer.allocUnsafeSlow(CHUNK);
    for (let at = 0; at < payload.length; at += batch.length) {
      const sealed = batch.subarray(0, Math.min(batch.length, payload.length - at));
      const got = readFully(payload.fd, sealed, payload.start + at);
      if (got < sealed.length) throw new TaskfsError('damaged', `${path} is truncated`);
      hash.update(sealed);
      for (const chunk of openAll(payload, at / ENCRYPTED_CHUNK, sealed, plain)) onChunk(chunk);
      await nextTurn();
    }
    const mac = headerMac(readHeader(payload.fd, path));
    return { bytes: payload.start + payload.length, sha256: hash.digest('hex'), mac };
  } finally {
    closeSync(payload.fd);
  }
}

function* openAll(payload: Payload, first: number, batch: Buffer, into: Buffer): Generator<Chunk> {
  const { key, start, length } = payload;
  for (let within = 0; within < batch.length; within += ENCRYPTED_CHUNK) {
    const number = first + within / ENCRYPTED_CHUNK;
    const sealed = batch.subarray(within, within + ENCRYPTED_CHUNK);
    const at = number * ENCRYPTED_CHUNK;
    const last = at + sealed.length === length;
    const opened = into.subarray(0, sealed.length - TAG);
    const plain = decryptChunkInto(key, number, last, sealed, opened) ? opened : undefined;
    const cutOff = !plain && last && decryptChunk(key, number, false, sealed) !== undefined;
    yield { number, length: opened.length, plain, at: start + at, cutOff };
  }
}
