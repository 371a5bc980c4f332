import {
  type MessagePort,
  parentPort,
  receiveMessageOnPort,
  workerData,
} from 'node:worker_threads';
import { errnoOf } from '../../errno.ts';
import type { Batch } from './batch.ts';
import { Filler } from './content-writer.ts';
import { TreeChanged } from './directory-cursor.ts';
import { TarWindow, type WindowMemory } from './ring-buffer.ts';
import { type SegmentFile, Segments } from './segments.ts';

/** What a thread is given first. */
export interface ThreadData {
  readonly thread: number;
  readonly port: MessagePort;
  /** Rung when a message was sent. */
  readonly bell: SharedArrayBuffer;
}

/** The first message: everything but the batches, which follow. */
export interface ThreadJob {
  readonly memory: WindowMemory;
  readonly file: SegmentFile;
  readonly digests: SharedArrayBuffer;
  readonly mayBeOpen: boolean;
}

/** What a thread says: that it did something, that it has done all, or why it failed. */
export type ThreadNews = { readonly type: 'progress' } | { readonly type: 'ended' } | ThreadFailure;

export type ThreadFailure =
  | { readonly type: 'tree-changed'; readonly path: Uint8Array; readonly errno: number }
  | { readonly type: 'errno'; readonly errno: number }
  | { readonly type: 'error'; readonly error: unknown };

const { thread, port, bell } = workerData as ThreadData;
const tell = (news: ThreadNews): void => parentPort?.postMessage(news);

try {
  const job = firstMessage();
  if (job) work(job);
} catch (error) {
  tell(failureOf(error));
} finally {
  port.close();
}

function firstMessage(): ThreadJob | undefined {
  const rung = new Int32Array(bell);
  Atomics.wait(rung, 0, 0);
  return receiveMessageOnPort(port)?.message as ThreadJob | undefined;
}

function work(job: ThreadJob): void {
  const window = new TarWindow(job.memory);
  try {
    sealInto(window, job);
    tell({ type: 'ended' });
  } catch (error) {
    // Nobody waits any more for what this one would have done.
    window.end();
    throw error;
  }
}

/** Seals what is full before it fills more, so that there is always room in the end. */
function sealInto(window: TarWindow, { file, digests, mayBeOpen }: ThreadJob): void {
  const segments = new Segments(window, file);
  const sealOne = (): boolean => {
    const isSealed = segments.sealOne();
    if (isSealed) tell({ type: 'progress' });
    return isSealed;
  };
  const waitForRoom = (end: number): void => {
    for (;;) {
      const heard = window.bell();
      if (window.hasRoom(end) || window.isOver()) return;
      if (!sealOne()) window.wait(heard);
    }
  };
  const filler = new Filler({ window, digests: new Uint8Array(digests), mayBeOpen, waitForRoom });
  for (;;) {
    const heard = window.bell();
    if (window.isOver()) return;
    if (sealOne()) continue;
    const received = receiveMessageOnPort(port) as { message: Batch } | undefined;
    if (received) {
      filler.fill(received.message);
      window.batchDone(thread);
      tell({ type: 'progress' });
    } else window.wait(heard);
  }
}

function failureOf(error: unknown): ThreadFailure {
  if (error instanceof TreeChanged)
    return { type: 'tree-changed', path: Uint8Array.from(error.path), errno: error.errno };
  if (error instanceof Error && 'errno' in error) return { type: 'errno', errno: errnoOf(error) };
  return { type: 'error', error };
}
