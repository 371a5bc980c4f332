import type { Change, NodeId } from '../fs/index.ts';
import type { ReplayPlace } from './inotify/batch.ts';
import type { ReplayChannel } from './inotify/replayer.ts';
import type { FuseOptions } from './options.ts';

/** Messages between the main thread and the thread that serves a mount. */

/** Its `workerData`. */
export interface WorkerInput {
  /** The connection's descriptor; the main thread closes it when the thread has ended. */
  readonly device: number;
  readonly options: FuseOptions;
  /** Where changes beneath are to be repeated through the mount. */
  readonly replay: ReplayChannel | undefined;
}

/** Sent once, when the kernel has accepted the connection. */
export interface Ready {
  readonly kind: 'ready';
}

/**
 * Sends invalidations to the kernel: not done by the thread itself, for which it may be waiting.
 */
export interface Invalidated {
  readonly kind: 'invalidated';
  readonly changes: readonly Change[];
}

/** Threads that have used the mount. */
export interface Used {
  readonly kind: 'used';
  readonly threads: readonly number[];
}

/** The node is being read while others may write to it: its pages are to be dropped soon. */
export interface Changing {
  readonly kind: 'changing';
  readonly node: NodeId;
}

/** Those who watch this name's directory have every event of the name, or get none. */
export interface Notified {
  readonly kind: 'notified';
  readonly place: ReplayPlace;
}

export type Message = Ready | Invalidated | Used | Changing | Notified;

/** The thread's exit code where the connection was cut while the mount was there. */
export const EXIT_ABORTED = 3;
