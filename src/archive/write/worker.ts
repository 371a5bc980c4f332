import {
  type MessagePort,
  parentPort,
  receiveMessageOnPort,
  workerData,
} from 'node:worker_threads';
import { errnoOf } from '../../errno.ts';
import type { Batch } from './batch.ts';
import { ContentWriter } from './content-writer.ts';
import { TreeChanged } from './directory-cursor.ts';
import { RingBuffer, type RingMemory } from './ring-buffer.ts';
import { type SegmentFile, Segments } from './segments.ts';

/** What a worker is started with. */
export interface WorkerInput {
  readonly worker: number;
  readonly port: MessagePort;
  /** Set to 1, and notified, once the first message was sent. */
  readonly started: SharedArrayBuffer;
}

/** The first message: everything but the batches, which follow. */
export interface WorkerJob {
  readonly memory: RingMemory;
  readonly file: SegmentFile;
  readonly digests: SharedArrayBuffer;
  readonly mayBeOpen: boolean;
}

/** What a worker reports: progress, its end, or why it failed. */
export type WorkerMessage =
  | { readonly type: 'progress' }
  | { readonly type: 'ended' }
  | WorkerFailure;

export type WorkerFailure =
  | { readonly type: 'tree-changed'; readonly path: Uint8Array; readonly errno: number }
  | { readonly type: 'errno'; readonly errno: number }
  | { readonly type: 'error'; readonly error: unknown };

const { worker, port, started } = workerData as WorkerInput;
const report = (message: WorkerMessage): void => parentPort?.postMessage(message);

try {
  const job = firstMessage();
  if (job) work(job);
} catch (error) {
  report(failureOf(error));
} finally {
  port.close();
}

function firstMessage(): WorkerJob | undefined {
  Atomics.wait(new Int32Array(started), 0, 0);
  return receiveMessageOnPort(port)?.message as WorkerJob | undefined;
}

function work(job: WorkerJob): void {
  const ring = new RingBuffer(job.memory);
  try {
    sealInto(ring, job);
    report({ type: 'ended' });
  } catch (error) {
    // Nobody may wait any longer for what this one would have done.
    ring.end();
    throw error;
  }
}

/** Encrypts what is full before it writes more, so that space is always freed in the end. */
function sealInto(ring: RingBuffer, { file, digests, mayBeOpen }: WorkerJob): void {
  const segments = new Segments(ring, file);
  const sealOne = (): boolean => {
    const isSealed = segments.sealOne();
    if (isSealed) report({ type: 'progress' });
    return isSealed;
  };
  const waitForSpace = (end: number): void => {
    for (;;) {
      const seen = ring.wakeups();
      if (ring.hasSpace(end) || ring.isOver()) return;
      if (!sealOne()) ring.wait(seen);
    }
  };
  const contents = new ContentWriter({
    ring,
    digests: new Uint8Array(digests),
    mayBeOpen,
    waitForSpace,
  });
  for (;;) {
    const seen = ring.wakeups();
    if (ring.isOver()) return;
    if (sealOne()) continue;
    const received = receiveMessageOnPort(port) as { message: Batch } | undefined;
    if (received) {
      contents.write(received.message);
      ring.batchDone(worker);
      report({ type: 'progress' });
    } else ring.wait(seen);
  }
}

function failureOf(error: unknown): WorkerFailure {
  if (error instanceof TreeChanged)
    return { type: 'tree-changed', path: Uint8Array.from(error.path), errno: error.errno };
  if (error instanceof Error && 'errno' in error) return { type: 'errno', errno: errnoOf(error) };
  return { type: 'error', error };
}
