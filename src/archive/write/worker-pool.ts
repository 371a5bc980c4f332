import { availableParallelism } from 'node:os';
import { extname } from 'node:path';
import type { MessagePort, Worker } from 'node:worker_threads';
import { Errno } from '../../errno.ts';
import type { BatchJob } from './batch.ts';
import { TreeChanged } from './directory-cursor.ts';
import { MAX_WORKERS, RingBuffer } from './ring-buffer.ts';
import type { WorkerFailure, WorkerInput, WorkerJob, WorkerMessage } from './worker.ts';

const MODULE = new URL(`./worker${extname(import.meta.url)}`, import.meta.url);

/** Bytes of a tar from which on the disk takes longer than the processors. */
const LARGE = 128 * 1024 * 1024;
/** Asked once: it is a system call. */
const PROCESSORS = availableParallelism();
/** One more than there are processors besides the calling thread's. */
const IN_LARGE = Math.max(2, PROCESSORS);
/**
 * The calling thread works as much as each of them; starting one takes as long as some 1000 files.
 */
const IN_SMALL = Math.max(1, PROCESSORS - 1);

/** Batches that a worker is given ahead. */
const AHEAD = 2;

/** A worker and what it was given. */
interface PoolWorker {
  readonly worker: Worker;
  readonly port: MessagePort;
  readonly started: Int32Array;
  /** Jobs not yet done. */
  readonly pending: BatchJob[];
  done: number;
}

/** Worker threads that help the calling one to write a tar. */
export class WorkerPool implements AsyncDisposable {
  private readonly workers: PoolWorker[] = [];
  private ring: RingBuffer | undefined;
  private failure: unknown;
  private ended = 0;
  private report = Promise.withResolvers<void>();

  /**
   * Starts as many as a tar of that size is worth, besides those that run. A small one needs none.
   */
  start(bytes: number): void {
    const count = Math.min(MAX_WORKERS, bytes > LARGE ? IN_LARGE : IN_SMALL);
    while (this.workers.length < count) this.workers.push(this.startOne(this.workers.length));
  }

  get areStarted(): boolean {
    return this.workers.length > 0;
  }

  begin(job: WorkerJob): void {
    this.ring = new RingBuffer(job.memory);
    for (const { port, started } of this.workers) {
      port.postMessage(job);
      Atomics.store(started, 0, 1);
      Atomics.notify(started, 0);
    }
  }

  /** Gives a batch to the worker with the least to do; false where all have enough. */
  send(work: BatchJob): boolean {
    const thread = this.workers.reduce<PoolWorker | undefined>(
      (idlest, each) => (each.pending.length < (idlest?.pending.length ?? AHEAD) ? each : idlest),
      undefined,
    );
    if (!thread) return false;
    thread.pending.push(work);
    thread.port.postMessage(work.batch);
    this.ring?.wakeAll();
    return true;
  }

  /** Releases batches that are done; false while some are not. */
  collect(): boolean {
    this.workers.forEach((thread, index) => {
      const done = this.ring?.batchesDone(index) ?? 0;
      for (const work of thread.pending.splice(0, done - thread.done)) work.done();
      thread.done = done;
    });
    return this.workers.every(({ pending }) => pending.length === 0);
  }

  /** Throws the error of a worker that failed. */
  throwFailure(): void {
    if (this.failure !== undefined) throw this.failure;
  }

  /** Waits until a worker reports something. */
  async nextReport(): Promise<void> {
    await this.report.promise;
    this.throwFailure();
  }

  /** Ends the workers once all is checked. */
  async finish(): Promise<void> {
    this.ring?.end();
    while (this.ended < this.workers.length) await this.nextReport();
  }

  /** Ends the workers wherever they are; may be called again. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.ring?.end();
    const workers = this.workers.splice(0);
    // Before their directories are closed: a descriptor may be another file's soon after.
    await Promise.all(workers.map(({ worker }) => worker.terminate()));
    for (const { pending, port } of workers) {
      port.close();
      for (const work of pending) work.done();
    }
  }

  private startOne(number: number): PoolWorker {
    const { MessageChannel, Worker } = process.getBuiltinModule('node:worker_threads');
    const { port1, port2 } = new MessageChannel();
    const started = new SharedArrayBuffer(4);
    const workerData: WorkerInput = { worker: number, port: port2, started };
    const worker = new Worker(MODULE, {
      workerData,
      transferList: [port2],
      // Files are opened by openat(2), which Node does not see, and closed by Node.
      trackUnmanagedFds: false,
      resourceLimits: { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 4 },
    });
    worker.on('message', (message: WorkerMessage) => this.receive(message));
    worker.on('error', (error) => this.fail(error));
    port1.unref();
    return { worker, port: port1, started: new Int32Array(started), pending: [], done: 0 };
  }

  private receive(message: WorkerMessage): void {
    if (message.type === 'ended') this.ended++;
    else if (message.type !== 'progress') this.fail(errorOf(message));
    this.wake();
  }

  private fail(error: unknown): void {
    this.failure ??= error;
    this.wake();
  }

  /** Ends the wait in `nextReport`. */
  wake(): void {
    this.report.resolve();
    this.report = Promise.withResolvers<void>();
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
