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

/** What a thread is given first. */
export interface WorkerInput {
  readonly thread: number;
  readonly port: MessagePort;
  /** Rung when a message was sent. */
  readonly bell: SharedArrayBuffer;
}

/** The first message: everything but the batches, which follow. */
export interface WorkerJob {
  readonly memory: RingMemory;
  readonly file: SegmentFile;
  readonly digests: SharedArrayBuffer;
  readonly mayBeOpen: boolean;
}

/** What a thread says: that it did something, that it has done all, or why it failed. */
export type WorkerMessage =
  | { readonly type: 'progress' }
  | { readonly type: 'ended' }
  | WorkerFailure;

export type WorkerFailure =
  | { readonly type: 'tree-changed'; readonly path: Uint8Array; readonly errno: number }
  | { readonly type: 'errno'; readonly errno: number }
  | { readonly type: 'error'; readonly error: unknown };

const { thread, port, bell } = workerData as WorkerInput;
const tell = (news: WorkerMessage): void => parentPort?.postMessage(news);

try {
  const job = firstMessage();
  if (job) work(job);
} catch (error) {
  tell(failureOf(error));
} finally {
  port.close();
}

function firstMessage(): WorkerJob | undefined {
  const rung = new Int32Array(bell);
  Atomics.wait(rung, 0, 0);
  return receiveMessageOnPort(port)?.message as WorkerJob | undefined;
}

function work(job: WorkerJob): void {
  const ring = new RingBuffer(job.memory);
  try {
    sealInto(ring, job);
    tell({ type: 'ended' });
  } catch (error) {
    // Nobody waits any more for what this one would have done.
    ring.end();
    throw error;
  }
}

/** Seals what is full before it fills more, so that there is always room in the end. */
function sealInto(ring: RingBuffer, { file, digests, mayBeOpen }: WorkerJob): void {
  const segments = new Segments(ring, file);
  const sealOne = (): boolean => {
    const isSealed = segments.sealOne();
    if (isSealed) tell({ type: 'progress' });
    return isSealed;
  };
  const waitForSpace = (end: number): void => {
    for (;;) {
      const heard = ring.bell();
      if (ring.hasSpace(end) || ring.isOver()) return;
      if (!sealOne()) ring.wait(heard);
    }
  };
  const contents = new ContentWriter({
    ring,
    digests: new Uint8Array(digests),
    mayBeOpen,
    waitForSpace,
  });
  for (;;) {
    const heard = ring.bell();
    if (ring.isOver()) return;
    if (sealOne()) continue;
    const received = receiveMessageOnPort(port) as { message: Batch } | undefined;
    if (received) {
      contents.fill(received.message);
      ring.batchDone(thread);
      tell({ type: 'progress' });
    } else ring.wait(heard);
  }
}

function failureOf(error: unknown): WorkerFailure {
  if (error instanceof TreeChanged)
    return { type: 'tree-changed', path: Uint8Array.from(error.path), errno: error.errno };
  if (error instanceof Error && 'errno' in error) return { type: 'errno', errno: errnoOf(error) };
  return { type: 'error', error };
}
