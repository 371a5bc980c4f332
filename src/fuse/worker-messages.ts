import type { Change } from '../fs/index.ts';
import type { FuseOptions } from './options.ts';

/** Messages between the main thread and the thread that serves a mount. */

/** Its `workerData`. */
export interface WorkerInput {
  /** The connection's descriptor; the main thread closes it when the thread has ended. */
  readonly device: number;
  readonly options: FuseOptions;
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

export type Message = Ready | Invalidated;

/** The thread's exit code where the connection was cut while the mount was there. */
export const EXIT_ABORTED = 3;
