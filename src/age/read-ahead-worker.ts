/** The thread behind ReadAhead: reads chunks before they are needed, each into its slot. */
import { closeSync, constants, openSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { readFullyAsync } from '../files/index.ts';
import { threadNumber } from '../sys/index.ts';
import { SLOT } from './chunk-cache.ts';
import { CHUNK, decryptChunkInto, ENCRYPTED_CHUNK, TAG } from './payload.ts';
import type { ReadAheadRequest, ReadAheadSetup } from './read-ahead.ts';

const { memory, states, thread } = workerData as ReadAheadSetup;
const plaintext = Buffer.from(memory);
const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
const spare: Buffer[] = [];
let before: Promise<void> = Promise.resolve();
Atomics.store(thread, 0, threadNumber());

// All requests are read at once, so that the disk has work while chunks are decrypted in turn.
parentPort?.on('message', (request: ReadAheadRequest) => {
  const reading = readEncrypted(request).catch(() => undefined);
  before = before.then(async () => {
    const encrypted = await reading;
    request.slots.forEach((slot, at) => {
      const isDecrypted = encrypted !== undefined && decrypt(request, at, encrypted);
      settle(slot, isDecrypted ? SLOT.ready : SLOT.empty);
    });
    if (encrypted) spare.push(encrypted);
  });
});

/** Opens the file by itself: the descriptor of the asking thread may be another file's by now. */
async function readEncrypted(request: ReadAheadRequest): Promise<Buffer> {
  const { path, start, length, first, slots } = request;
  const from = first * ENCRYPTED_CHUNK;
  const size = Math.min(slots.length * ENCRYPTED_CHUNK, length - from);
  const known = spare.pop() ?? Buffer.alloc(0);
  const encrypted = known.length >= size ? known : Buffer.allocUnsafeSlow(size);
  const fd = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    const got = await readFullyAsync(fd, encrypted.subarray(0, size), start + from);
    if (got < size) throw new Error(`${path} is truncated`);
    return encrypted;
  } finally {
    closeSync(fd);
  }
}

/** Decrypts one of the chunks into its slot. Whoever reads one that fails finds out why. */
function decrypt(request: ReadAheadRequest, at: number, encrypted: Buffer): boolean {
  const number = request.first + at;
  const begin = number * ENCRYPTED_CHUNK;
  const end = Math.min(begin + ENCRYPTED_CHUNK, request.length);
  const bytes = encrypted.subarray(at * ENCRYPTED_CHUNK, at * ENCRYPTED_CHUNK + end - begin);
  const start = (request.slots[at] ?? 0) * CHUNK;
  const plain = plaintext.subarray(start, start + bytes.length - TAG);
  return decryptChunkInto(request.key, number, end === request.length, bytes, plain);
}

/** Announces the new state of a slot, once: from then on it may be reused. */
function settle(slot: number, state: number): void {
  Atomics.store(states, slot, state);
  Atomics.notify(states, slot);
}
