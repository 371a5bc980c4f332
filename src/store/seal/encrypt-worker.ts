import type { KeyObject } from 'node:crypto';
import { writeSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { errnoOf } from '../../sys/errno.ts';
import { SEALED_CHUNK, sealChunks } from './payload.ts';

/** One stretch of plaintext to be sealed and written; its buffer, in shared memory, is the thread's until it answers. */
export interface EncryptRequest {
  readonly block: SharedArrayBuffer;
  readonly length: number;
  readonly fd: number;
  /** Where the first of its chunks goes in the file. */
  readonly position: number;
  readonly key: KeyObject;
  readonly counter: number;
  readonly last: boolean;
}

export interface EncryptReply {
  readonly block: SharedArrayBuffer;
  /** 0, or why it could not be written. */
  readonly errno: number;
}

/** Chunks of a block. */
export const BLOCK_CHUNKS = 16;

const sealed = Buffer.allocUnsafeSlow(BLOCK_CHUNKS * SEALED_CHUNK);

/** Seals a block and writes it at its place, whole. Throws what write(2) throws. */
export function encryptBlock(request: EncryptRequest, out: Uint8Array = sealed): void {
  const { block, length, fd, position, key, counter, last } = request;
  const size = sealChunks(key, counter, last, new Uint8Array(block, 0, length), out);
  for (let at = 0; at < size; ) at += writeSync(fd, out, at, size - at, position + at);
}

parentPort?.on('message', (request: EncryptRequest) => {
  const reply: EncryptReply = { block: request.block, errno: attempt(request) };
  parentPort?.postMessage(reply);
});

function attempt(request: EncryptRequest): number {
  try {
    encryptBlock(request);
    return 0;
  } catch (error) {
    return errnoOf(error);
  }
}
