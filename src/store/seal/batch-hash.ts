import { createHash } from 'node:crypto';
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { HashReply, HashRequest } from './hash-worker.ts';

/** The SHA-256 of a stream that comes in batches, each read into a buffer of this hash. */
export interface BatchHash extends AsyncDisposable {
  /** A buffer to read into, whose former content was hashed. */
  room(): Promise<Buffer>;
  /** Hashes a part of the room that was taken last; it may be read, but not changed, until `room`. */
  update(batch: Buffer): void;
  digest(): Promise<string>;
}

/** Starting a thread takes longer than hashing a stream shorter than this. */
const THREAD_FROM = 32 * 1024 * 1024;

/** Hashes `length` bytes: many of them in a thread, while the caller decrypts the same bytes. */
export function startBatchHash(length: number, batchSize: number): BatchHash {
  return length < THREAD_FROM ? hashHere(Math.min(length, batchSize)) : hashInThread(batchSize);
}

function hashHere(batchSize: number): BatchHash {
  const hash = createHash('sha256');
  const batch = Buffer.allocUnsafeSlow(batchSize);
  return {
    room: async () => batch,
    update: (bytes) => void hash.update(bytes),
    digest: async () => hash.digest('hex'),
    [Symbol.asyncDispose]: async () => {},
  };
}

const MODULE = new URL(`./hash-worker${extname(import.meta.url)}`, import.meta.url);
/** Batches that the thread may lag behind: that is what bounds the memory. */
const ROOMS = 4;

function hashInThread(batchSize: number): BatchHash {
  const worker = new Worker(MODULE);
  const rooms = Array.from({ length: ROOMS }, () => Buffer.from(new SharedArrayBuffer(batchSize)));
  let sent = 0;
  let hashed = 0;
  let result: string | undefined;
  let failure: Error | undefined;
  let wake = Promise.withResolvers<void>();

  const changed = (): void => {
    wake.resolve();
    wake = Promise.withResolvers<void>();
  };
  worker.on('error', (error: Error) => {
    failure = error;
    changed();
  });
  worker.on('message', (reply: HashReply) => {
    if (reply === undefined) hashed++;
    else result = reply;
    changed();
  });
  const send = (request: HashRequest): void => worker.postMessage(request);
  const until = async (isMet: () => boolean): Promise<void> => {
    while (!failure && !isMet()) await wake.promise;
    if (failure) throw failure;
  };

  return {
    async room() {
      await until(() => sent - hashed < ROOMS);
      return rooms[sent % ROOMS] as Buffer;
    },
    update(batch) {
      sent++;
      send(batch);
    },
    async digest() {
      send(undefined);
      await until(() => result !== undefined);
      return result as string;
    },
    async [Symbol.asyncDispose]() {
      await worker.terminate();
    },
  };
}
