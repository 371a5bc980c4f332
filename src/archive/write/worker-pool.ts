import { availableParallelism } from 'node:os';
import { extname } from 'node:path';
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { Errno } from '../../errno.ts';
import type { BatchJob } from './batch.ts';
import { TreeChanged } from './directory-cursor.ts';
import { MAX_WORKERS, RingBuffer } from './ring-buffer.ts';
import type { WorkerFailure, WorkerInput, WorkerJob, WorkerMessage } from './worker.ts';

const MODULE = new URL(`./worker${extname(import.meta.url)}`, import.meta.url);

/** Bytes of a tar that is mostly waited for on disk; what is smaller is mostly work. */
const LARGE = 128 * 1024 * 1024;
/** Asked for once: it is a system call. */
const PROCESSORS = availableParallelism();
/** One more than there are processors besides the calling thread's. */
const IN_LARGE = Math.max(2, PROCESSORS);
/** The calling thread has as much to do as each of them, and to start one takes as long as some thousand files. */
const IN_SMALL = Math.max(1, PROCESSORS - 1);

/** Batches that a thread is given ahead. */
const AHEAD = 2;

interface Thread {
  readonly worker: Worker;
  readonly port: MessagePort;
  readonly bell: Int32Array;
  /** What it was given and has not done. */
  readonly pending: BatchJob[];
  done: number;
}

/** Threads that help the calling one to write a tar. */
export class WorkerPool implements AsyncDisposable {
  private readonly workers: Thread[] = [];
  private ring: RingBuffer | undefined;
  private failure: unknown;
  private ended = 0;
  private wake = Promise.withResolvers<void>();

  /** Starts as many as a tar of so many bytes is worth; those that are started stay. A small archive needs none. */
  start(bytes: number): void {
    const count = Math.min(MAX_WORKERS, bytes > LARGE ? IN_LARGE : IN_SMALL);
    while (this.workers.length < count) this.workers.push(this.startOne(this.workers.length));
  }

  get areStarted(): boolean {
    return this.workers.length > 0;
  }

  begin(job: WorkerJob): void {
    this.ring = new RingBuffer(job.memory);
    for (const { port, bell } of this.workers) {
      port.postMessage(job);
      Atomics.store(bell, 0, 1);
      Atomics.notify(bell, 0);
    }
  }

  /** Gives a batch to whoever has least to do; false where all have enough. */
  send(work: BatchJob): boolean {
    const thread = this.workers.reduce<Thread | undefined>(
      (idlest, each) => (each.pending.length < (idlest?.pending.length ?? AHEAD) ? each : idlest),
      undefined,
    );
    if (!thread) return false;
    thread.pending.push(work);
    thread.port.postMessage(work.batch);
    this.ring?.ring();
    return true;
  }

  /** Notes which batches are done; false while one is not. */
  collect(): boolean {
    this.workers.forEach((thread, index) => {
      const done = this.ring?.batchesDone(index) ?? 0;
      for (const work of thread.pending.splice(0, done - thread.done)) work.done();
      thread.done = done;
    });
    return this.workers.every(({ pending }) => pending.length === 0);
  }

  /** Throws what a thread failed of. */
  throwFailure(): void {
    if (this.failure !== undefined) throw this.failure;
  }

  /** Waits until one of them has done something. */
  async news(): Promise<void> {
    await this.wake.promise;
    this.throwFailure();
  }

  /** Ends them once all is checked. */
  async finish(): Promise<void> {
    this.ring?.end();
    while (this.ended < this.workers.length) await this.news();
  }

  /** Ends them wherever they are; again does no harm. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.ring?.end();
    const workers = this.workers.splice(0);
    // Before their directories are closed: none may open a file in a descriptor that is another's by then.
    await Promise.all(workers.map(({ worker }) => worker.terminate()));
    for (const { pending, port } of workers) {
      port.close();
      for (const work of pending) work.done();
    }
  }

  private startOne(thread: number): Thread {
    const { port1, port2 } = new MessageChannel();
    const bell = new SharedArrayBuffer(4);
    const workerData: WorkerInput = { thread, port: port2, bell };
    const worker = new Worker(MODULE, {
      workerData,
      transferList: [port2],
      // Files are opened by openat(2), which Node does not see, and closed by Node.
      trackUnmanagedFds: false,
      resourceLimits: { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 4 },
    });
    worker.on('message', (news: WorkerMessage) => this.take(news));
    worker.on('error', (error) => this.fail(error));
    port1.unref();
    return { worker, port: port1, bell: new Int32Array(bell), pending: [], done: 0 };
  }

  private take(news: WorkerMessage): void {
    if (news.type === 'ended') this.ended++;
    else if (news.type !== 'progress') this.fail(errorOf(news));
    this.stir();
  }

  private fail(error: unknown): void {
    this.failure ??= error;
    this.stir();
  }

  /** Ends the wait for news. */
  stir(): void {
    this.wake.resolve();
    this.wake = Promise.withResolvers<void>();
  }
}

function errorOf(failure: WorkerFailure): unknown {
  switch (failure.type) {
    case 'tree-changed':
      return new TreeChanged(Buffer.from(failure.path), failure.errno);
    case 'errno':
      return Errno.of(failure.errno);
    case 'error':
      return failure.error;
  }
}
