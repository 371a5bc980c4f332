import type { KeyObject } from 'node:crypto';
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { ChunkCache } from './chunk-cache.ts';
import type { Payload } from './payload.ts';

/** What the thread is started with. */
export interface AheadSetup {
  readonly memory: SharedArrayBuffer;
  readonly states: Int32Array<SharedArrayBuffer>;
}

/** Chunks to open: which, of what, and where each goes in the cache. */
export interface AheadRequest {
  readonly path: string;
  readonly key: KeyObject;
  readonly start: number;
  readonly length: number;
  readonly first: number;
  readonly places: readonly number[];
}

const WORKER = new URL(`./decrypt-ahead-worker${extname(import.meta.url)}`, import.meta.url);

/**
 * Decrypts what will be asked for next on a thread of its own, into a cache. The calling thread need
 * have no event loop. The thread starts with the first request.
 */
export class DecryptAhead {
  readonly cache: ChunkCache;
  private worker: Worker | undefined;

  constructor(cache: ChunkCache) {
    this.cache = cache;
  }

  /** Fills places that the cache expects chunks in, from chunk `first` on. */
  request({ path, key, start, length }: Payload, first: number, places: readonly number[]): void {
    this.worker ??= this.start();
    const request: AheadRequest = { path, key, start, length, first, places };
    this.worker.postMessage(request);
  }

  private start(): Worker {
    const { memory, states } = this.cache;
    const setup: AheadSetup = { memory, states };
    const worker = new Worker(WORKER, { workerData: setup, name: 'taskfs-ahead' });
    worker.unref();
    return worker;
  }

  close(): void {
    void this.worker?.terminate();
    this.worker = undefined;
  }
}
