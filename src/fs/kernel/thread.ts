import type { KernelOptions } from './options.ts';

/** What the main thread and the driver's own thread tell each other. */

/** Given when the thread starts. */
export interface Assignment {
  /** The connection's descriptor, the thread's own from now on. */
  readonly device: number;
  readonly options: KernelOptions;
}

/** Sent back once, when the kernel has accepted the connection. */
export interface Ready {
  readonly notes: readonly string[];
}

/** The thread's exit code where the connection was cut while the mount was there. */
export const EXIT_ABORTED = 3;
