import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { unignoredSignals } from '../process/index.ts';
import { lookNowAndThen } from './wakeup-signal.ts';

/**
 * What others want of a task, as empty files in its directory: `cancel`, `kill` (cancel without a
 * grace period), `pause`. A file is a wish, not a message: making one twice changes nothing, none
 * is lost when the supervisor dies, and whoever supervises next finds it.
 */
export type Wish = 'cancel' | 'kill' | 'pause';

export function makeWish(directory: string, wish: Wish): void {
  writeFileSync(join(directory, wish), '', { mode: 0o600 });
}

/** Events that say that an engine refused to pause or to resume a run. */
export const NOT_PAUSED = 'not-paused';
export const NOT_RESUMED = 'not-resumed';

export function setWish(directory: string, wish: Wish, wished: boolean): void {
  if (wished) makeWish(directory, wish);
  else dropWish(directory, wish);
}

function dropWish(directory: string, wish: Wish): void {
  rmSync(join(directory, wish), { force: true });
}

/** Forgets all wishes, when the task is past them. */
export function dropWishes(directory: string): void {
  for (const wish of ['cancel', 'kill', 'pause'] as const) dropWish(directory, wish);
}

/** Whether a task is to be cancelled, or killed. */
export const isToEnd = (directory: string): boolean =>
  isWished(directory, 'cancel') || isWished(directory, 'kill');

export function isWished(directory: string, wish: Wish): boolean {
  return existsSync(join(directory, wish));
}

/** What a supervisor has been asked for so far. Cancel only grows: none, then cancel, then kill. */
export interface Requests {
  readonly cancel: 'none' | 'cancel' | 'kill';
  readonly pause: boolean;
  /** Takes back what was wished last, to pause or to go on, where that cannot be. */
  refusePause(): void;
  /** Calls back at each change; returns how to stop that. */
  subscribe(listener: () => void): () => void;
  close(): void;
}

/** What asks a supervisor to cancel its task. */
export const INTERRUPTS: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'];

/**
 * Follows the wishes in a task's directory, and those signals of `interrupts` that are sent to this
 * process: the first one cancels, a second one kills, a third one ends this process, for sealing may
 * take long, and whoever comes next goes on with it. What this process was started to ignore it
 * ignores.
 */
export function followRequests(directory: string, interrupts: readonly NodeJS.Signals[]): Requests {
  const listeners = new Set<() => void>();
  let state = look(directory, 'none');
  const update = (next: typeof state): void => {
    if (next.cancel === state.cancel && next.pause === state.pause) return;
    state = next;
    for (const listener of [...listeners]) listener();
  };
  const stop = lookNowAndThen(() => update(look(directory, state.cancel)));
  let interruptions = 0;
  const interrupt = (signal: NodeJS.Signals): void => {
    if (++interruptions > 2) {
      heedNoMore();
      process.kill(process.pid, signal);
      return;
    }
    update({ ...state, cancel: state.cancel === 'none' ? 'cancel' : 'kill' });
  };
  const signals = unignoredSignals(interrupts);
  const heedNoMore = (): void => {
    for (const signal of signals) process.off(signal, interrupt);
  };
  for (const signal of signals) process.on(signal, interrupt);
  return {
    get cancel() {
      return state.cancel;
    },
    get pause() {
      return state.pause;
    },
    refusePause() {
      state = { ...state, pause: !state.pause };
      setWish(directory, 'pause', state.pause);
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close() {
      stop();
      heedNoMore();
    },
  };
}

function look(directory: string, before: Requests['cancel']): Pick<Requests, 'cancel' | 'pause'> {
  const pause = isWished(directory, 'pause');
  if (before === 'kill' || isWished(directory, 'kill')) return { cancel: 'kill', pause };
  if (before === 'cancel' || isWished(directory, 'cancel')) return { cancel: 'cancel', pause };
  return { cancel: 'none', pause };
}
