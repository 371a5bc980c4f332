import { availableParallelism } from 'node:os';
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { Errno } from '../../sys/errno.ts';
import type { EncryptReply, EncryptRequest } from './encrypt-worker.ts';
import { BLOCK_CHUNKS } from './encrypt-worker.ts';
import { CHUNK } from './payload.ts';

/** Bytes of a block of plaintext. */
export const BLOCK_SIZE = BLOCK_CHUNKS * CHUNK;

/** Threads that seal blocks while the calling thread reads files. */
export interface EncryptPool extends AsyncDisposable {
  /** A block to fill; waits while all of them are being sealed: that is what bounds the memory. */
  take(): Promise<SharedArrayBuffer>;
  /** Seals and writes a block that was taken. Its failure is thrown by the next call of this pool. */
  send(request: EncryptRequest): void;
  /** Gives an unused block back. */
  giveBack(block: SharedArrayBuffer): void;
  /** Waits until all that was sent is written. Throws Errno. */
  settle(): Promise<void>;
}

const MODULE = new URL(`./encrypt-worker${extname(import.meta.url)}`, import.meta.url);
const MAX_WORKERS = 4;

/** Threads start with the first block that is sent: a small archive has none. */
export function startEncryptPool(): EncryptPool {
  const limit = Math.min(MAX_WORKERS, Math.max(1, availableParallelism() - 1));
  const workers: Worker[] = [];
  const free: SharedArrayBuffer[] = [];
  // Two files gather a block each at once; and each thread has one at work and one waiting.
  let unmade = 2 * limit + 2;
  let pending = 0;
  let turn = 0;
  let failure: Error | undefined;
  let wake = Promise.withResolvers<void>();

  const changed = (): void => {
    wake.resolve();
    wake = Promise.withResolvers<void>();
  };
  const fail = (error: Error): void => {
    failure ??= error;
    changed();
  };
  const start = (): Worker => {
    const worker = new Worker(MODULE);
    worker.on('error', fail);
    worker.on('message', ({ block, errno }: EncryptReply) => {
      pending--;
      free.push(block);
      if (errno !== 0) fail(Errno.of(errno));
      changed();
    });
    workers.push(worker);
    return worker;
  };
  const check = (): void => {
    if (failure) throw failure;
  };

  return {
    async take() {
      for (;;) {
        check();
        const block = free.pop();
        if (block) return block;
        if (unmade > 0) {
          unmade--;
          return new SharedArrayBuffer(BLOCK_SIZE);
        }
        await wake.promise;
      }
    },
    send(request) {
      check();
      const worker = workers.length < limit ? start() : (workers[turn++ % limit] as Worker);
      pending++;
      worker.postMessage(request);
    },
    giveBack(block) {
      free.push(block);
      changed();
    },
    async settle() {
      while (pending > 0 && !failure) await wake.promise;
      check();
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(workers.map((worker) => worker.terminate()));
    },
  };
}
