import type { KeyObject } from 'node:crypto';
import { extname } from 'node:path';
import type { Worker } from 'node:worker_threads';
import { isThreadGone } from '../sys/index.ts';
import type { ChunkCache } from './chunk-cache.ts';
import type { Payload } from './payload.ts';

/** What the thread is started with. */
export interface ReadAheadSetup {
  readonly memory: SharedArrayBuffer;
  readonly states: Int32Array<SharedArrayBuffer>;
  /** The thread writes its number here, so that its death is seen without an event loop. */
  readonly thread: Int32Array<SharedArrayBuffer>;
}

/** Chunks to decrypt: which, of what, and the slot of the cache for each. */
export interface ReadAheadRequest {
  readonly path: string;
  readonly key: KeyObject;
  readonly start: number;
  readonly length: number;
  readonly first: number;
  readonly slots: readonly number[];
}

const WORKER = new URL(`./read-ahead-worker${extname(import.meta.url)}`, import.meta.url);

/**
 * Decrypts chunks into a cache on a thread of its own, before they are asked for. The calling
 * thread need have no event loop. The thread starts with the first request.
 */
export class ReadAhead {
  readonly cache: ChunkCache;
  private worker: Worker | undefined;
  private readonly thread = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));

  constructor(cache: ChunkCache) {
    this.cache = cache;
    cache.watch(() => this.isAlive());
  }

  /** Fills slots that are reserved in the cache for the chunks from `first` on. */
  request({ path, key, start, length }: Payload, first: number, slots: readonly number[]): void {
    this.worker ??= this.start();
    const request: ReadAheadRequest = { path, key, start, length, first, slots };
    this.worker.postMessage(request);
  }

  private start(): Worker {
    const { memory, states } = this.cache;
    const setup: ReadAheadSetup = { memory, states, thread: this.thread };
    const { Worker } = process.getBuiltinModule('node:worker_threads');
    const worker = new Worker(WORKER, { workerData: setup, name: 'taskfs-ahead' });
    worker.unref();
    return worker;
  }

  /** Whether the thread is there, or may be. Where it is not, the next request starts another. */
  private isAlive(): boolean {
    const number = Atomics.load(this.thread, 0);
    if (number === 0 || !isThreadGone(number)) return true;
    Atomics.store(this.thread, 0, 0);
    this.worker = undefined;
    return false;
  }

  close(): void {
    void this.worker?.terminate();
    this.worker = undefined;
  }
}
