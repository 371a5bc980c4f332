import type { Journal } from './journal.ts';
import type { Stop } from './outcome.ts';
import type { Requests } from './requests.ts';

/** What may end an attempt before its command runs. */
export interface StartLimit {
  /** Aborted when the task is cancelled, or the attempt's time is over. */
  readonly signal: AbortSignal;
  /** Which of them it was. */
  readonly stop: Stop;
  close(): void;
}

/** Limits the work before a run: an image may take hours to fetch, or an engine never answer. */
export function limitStart(
  requests: Requests,
  journal: Journal,
  timeoutMs: number | null,
): StartLimit {
  const controller = new AbortController();
  let stop: Stop = 'none';
  const end = (why: Stop): void => {
    if (stop !== 'none') return;
    stop = why;
    if (why === 'timeout') journal.note({ type: 'timeout', afterMs: timeoutMs });
    controller.abort();
  };
  const endIfCancelled = (): void => {
    if (requests.cancel !== 'none') end('cancelled');
  };
  const cancelTimer = setLongTimer(timeoutMs, () => end('timeout'));
  const unsubscribe = requests.subscribe(endIfCancelled);
  endIfCancelled();
  return {
    signal: controller.signal,
    get stop() {
      return stop;
    },
    close: () => {
      cancelTimer();
      unsubscribe();
    },
  };
}

const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * setTimeout for any length, null for none: Node's own
 * fires at once beyond 24 days. Returns how to stop it.
 */
export function setLongTimer(delayMs: number | null, action: () => void): () => void {
  if (delayMs === null) return () => {};
  let timer: NodeJS.Timeout;
  const wait = (left: number): void => {
    const step = Math.min(left, LONGEST_TIMER_MS);
    timer = setTimeout(() => (left > step ? wait(left - step) : action()), step);
  };
  wait(Math.max(0, delayMs));
  return () => clearTimeout(timer);
}
