import { inheritance, rawEnvironment } from '../process/index.ts';

/**
 * What a local task has from whoever started it, as if there were no taskfs in between. Plain
 * JSON, for it goes to detached supervisors; never written to disk. Text is that of `decodeBytes`.
 */
export interface Caller {
  /** `NAME=value`. */
  readonly environment: readonly string[];
  /** The soft limit of open files, which Node has raised for itself; null where it is not known. */
  readonly softOpenFiles: number | null;
  /** Signals that were ignored, as nohup(1) asks for. */
  readonly ignoredSignals: readonly NodeJS.Signals[];
  /** Open descriptors besides the standard ones; only a task in the foreground has them. */
  readonly descriptors: readonly number[];
}

/** What this process was started with, for a task in the foreground. */
export function currentCaller(): Caller {
  const { softOpenFiles, ignoredSignals, descriptors } = inheritance;
  return {
    environment: rawEnvironment(),
    softOpenFiles: softOpenFiles === undefined ? null : Math.min(softOpenFiles, UNLIMITED),
    ignoredSignals: [...ignoredSignals],
    descriptors,
  };
}

/** As a number that JSON has. */
const UNLIMITED = Number.MAX_SAFE_INTEGER;

/** The same for a task whose caller does not wait for it: it keeps none of its descriptors. */
export const detachedCaller = (): Caller => ({ ...currentCaller(), descriptors: [] });
