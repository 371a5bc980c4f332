import type { Journal } from './journal.ts';
import { setLongTimer } from './long-timer.ts';
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

/** Watches over the work before a run: an image may take hours to fetch, or an engine never answer. */
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
  const heed = (): void => {
    if (requests.cancel !== 'none') end('cancelled');
  };
  const cancelTimer = setLongTimer(timeoutMs, () => end('timeout'));
  const unsubscribe = requests.subscribe(heed);
  heed();
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
