import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onSignals } from '../process/index.ts';
import { onWakeupOrInterval } from './wakeup-signal.ts';

/**
 * What other processes ask of a task, as empty files in its directory: `cancel`, `kill` (cancel
 * without a grace period), `pause`. A file is a state, not a message: making it twice changes
 * nothing, it survives the supervisor, and the next one finds it.
 */
export type RequestName = 'cancel' | 'kill' | 'pause';

/** Events that say that an engine refused to pause or to resume a run. */
export const NOT_PAUSED = 'not-paused';
export const NOT_RESUMED = 'not-resumed';

/** Makes a request of the task with this directory. */
export function makeRequest(directory: string, name: RequestName): void {
  writeFileSync(join(directory, name), '', { mode: 0o600 });
}

/** Makes a request, or withdraws it. */
export function setRequest(directory: string, name: RequestName, isMade: boolean): void {
  if (isMade) makeRequest(directory, name);
  else withdrawRequest(directory, name);
}

function withdrawRequest(directory: string, name: RequestName): void {
  rmSync(join(directory, name), { force: true });
}

/** Withdraws all requests of a task that has ended. */
export function withdrawRequests(directory: string): void {
  for (const name of ['cancel', 'kill', 'pause'] as const) withdrawRequest(directory, name);
}

/** Whether a request was made. */
export function isRequested(directory: string, name: RequestName): boolean {
  return existsSync(join(directory, name));
}

/** Whether a task is to be cancelled, or killed. */
export const isEndRequested = (directory: string): boolean =>
  isRequested(directory, 'cancel') || isRequested(directory, 'kill');

/** What a supervisor has been asked for so far. Cancel only grows: none, then cancel, then kill. */
export interface Requests {
  readonly cancel: 'none' | 'cancel' | 'kill';
  readonly pause: boolean;
  /** Withdraws the last request to pause or to resume, which the engine refused. */
  refusePause(): void;
  /** Calls back at each change; returns how to stop that. */
  subscribe(listener: () => void): () => void;
  close(): void;
}

/** What asks a supervisor to cancel its task. */
export const INTERRUPTS: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'];

/**
 * Follows the requests in a task's directory, and those signals of `interrupts` that are sent to
 * this process: the first one cancels, a second one kills, a third one ends this process, for
 * sealing may take long, and the next supervisor continues it. Signals that were ignored when this
 * process was started stay ignored.
 */
export function followRequests(directory: string, interrupts: readonly NodeJS.Signals[]): Requests {
  const listeners = new Set<() => void>();
  let state = readRequests(directory, 'none');
  const update = (next: typeof state): void => {
    if (next.cancel === state.cancel && next.pause === state.pause) return;
    state = next;
    for (const listener of [...listeners]) listener();
  };
  const stop = onWakeupOrInterval(() => update(readRequests(directory, state.cancel)));
  let interruptions = 0;
  const interrupt = (signal: NodeJS.Signals): void => {
    if (++interruptions > 2) {
      stopListening();
      process.kill(process.pid, signal);
      return;
    }
    update({ ...state, cancel: state.cancel === 'none' ? 'cancel' : 'kill' });
  };
  const stopListening = onSignals(interrupts, interrupt);
  return {
    get cancel() {
      return state.cancel;
    },
    get pause() {
      return state.pause;
    },
    refusePause() {
      state = { ...state, pause: !state.pause };
      setRequest(directory, 'pause', state.pause);
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close() {
      stop();
      stopListening();
    },
  };
}

function readRequests(
  directory: string,
  before: Requests['cancel'],
): Pick<Requests, 'cancel' | 'pause'> {
  const pause = isRequested(directory, 'pause');
  if (before === 'kill' || isRequested(directory, 'kill')) return { cancel: 'kill', pause };
  if (before === 'cancel' || isRequested(directory, 'cancel')) return { cancel: 'cancel', pause };
  return { cancel: 'none', pause };
}
