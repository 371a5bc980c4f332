import type { Change } from '../fs/index.ts';
import type { KernelOptions } from './options.ts';

/** What the main thread and the driver's own thread tell each other. */

/** Given when the thread starts. */
export interface Assignment {
  /** The connection's descriptor; the main thread closes it when this one has ended. */
  readonly device: number;
  readonly options: KernelOptions;
}

/** Sent back once, when the kernel has accepted the connection. */
export interface Ready {
  readonly kind: 'ready';
  readonly notes: readonly string[];
}

/** What the kernel is to be told is old: not by the serving thread, which it may be waiting for. */
export interface Changed {
  readonly kind: 'changed';
  readonly changes: readonly Change[];
}

export type Message = Ready | Changed;

/** The thread's exit code where the connection was cut while the mount was there. */
export const EXIT_ABORTED = 3;
