import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../errors.ts';
import type { Exit, Running } from './engines/engine.ts';
import type { Journal } from './journal.ts';
import { setLongTimer } from './long-timer.ts';
import { type Ending, endingOf, type Stop } from './outcome.ts';
import { NOT_PAUSED, NOT_RESUMED, type Requests } from './requests.ts';

/** What a supervisor heeds while a run goes on. */
export interface Orders {
  readonly requests: Requests;
  readonly journal: Journal;
  /** The limit of one attempt, and how much of it is left; null: none. */
  readonly timeoutMs: number | null;
  readonly remainingMs: number | null;
  /** Between its stop signal and SIGKILL. */
  readonly graceMs: number;
  /** Words for a person. */
  readonly say?: ((words: string) => void) | undefined;
}

/** Follows a run to its end: cancels, pauses and resumes it as asked, and ends it when its time is over. */
export async function pursue(running: Running, orders: Orders): Promise<Ending> {
  const { requests, journal } = orders;
  const halt = createHalt(running, orders);
  const pausing = followPause(running, orders);
  let stop: Stop = 'none';
  const obey = (): void => {
    if (requests.cancel !== 'none') {
      if (stop === 'none') stop = 'cancelled';
      halt.request(requests.cancel === 'kill');
      return;
    }
    if (stop === 'none') pausing.heed();
  };
  const expire = (): void => {
    if (stop !== 'none') return;
    stop = 'timeout';
    journal.note({ type: 'timeout', afterMs: orders.timeoutMs });
    halt.request(false);
  };
  const cancelTimer = setLongTimer(orders.remainingMs, expire);
  const unsubscribe = requests.subscribe(obey);
  obey();
  try {
    const exit = await running.ended;
    if (stop === 'none') tellEndedWithIt(exit, orders);
    return endingOf(exit, stop, orders.timeoutMs);
  } finally {
    unsubscribe();
    cancelTimer();
    halt.close();
    pausing.close();
  }
}

/** A daemon that a command leaves behind does not outlive it, which its user may not expect. */
function tellEndedWithIt({ endedWithIt = [] }: Exit, { journal, say }: Orders): void {
  if (endedWithIt.length === 0) return;
  journal.note({ type: 'ended-with-it', programs: endedWithIt });
  say?.(
    `Task ${journal.record.task} left ${endedWithIt.join(', ')} running, which ended with it: ` +
      'what a task starts does not outlive it.',
  );
}

/**
 * Pauses and resumes a run as wished, one after the other. The engine first, then the record: it never
 * says what is not so, and whoever supervises after a kill in between does it again. Where the engine
 * refuses, the wish is taken back, which is how the one who made it hears of that.
 */
function followPause(running: Running, { requests, journal }: Orders) {
  let open = true;
  let last = Promise.resolve();
  const bring = async (): Promise<void> => {
    const paused = requests.pause;
    if (!open || journal.record.paused === paused) return;
    try {
      await (paused ? running.pause() : running.resume());
      if (open) journal.change({ paused }, { type: paused ? 'paused' : 'resumed' });
    } catch (error) {
      journal.note({ type: paused ? NOT_PAUSED : NOT_RESUMED, error: messageOf(error) });
      if (open && requests.pause === paused) requests.refusePause();
    }
  };
  return {
    heed(): void {
      last = last.then(bring);
    },
    close(): void {
      open = false;
    },
  };
}

/** Before an engine that did not take a signal gets it again, in milliseconds. */
const RETRY_MS = 500;

/**
 * Ends a run: its stop signal, then SIGKILL when the grace period is over, or at once. An engine that cannot do
 * it now, since it is being restarted, is asked until it does: its containers may outlive it.
 */
function createHalt(running: Running, { journal, graceMs }: Orders) {
  let stage: 'none' | 'asked' | 'killed' | 'over' = 'none';
  let timer: NodeJS.Timeout | undefined;
  const send = async (signal: string, during: typeof stage): Promise<void> => {
    journal.note({ type: 'stopping', signal });
    for (let failures = 0; stage === during; failures++) {
      try {
        await running.signal(signal);
        // A stopped process does not get to handle the signal before it goes on.
        if (journal.record.paused) await running.resume();
        return;
      } catch (error) {
        if (failures === 0) journal.note({ type: 'engine-error', error: messageOf(error) });
        await sleep(RETRY_MS);
      }
    }
  };
  const kill = (): void => {
    if (stage === 'killed') return;
    stage = 'killed';
    void send('SIGKILL', stage);
  };
  return {
    request(atOnce: boolean): void {
      if (atOnce) kill();
      if (stage !== 'none') return;
      stage = 'asked';
      timer = setTimeout(kill, graceMs);
      void send(running.stopSignal ?? 'SIGTERM', stage);
    },
    close(): void {
      stage = 'over';
      clearTimeout(timer);
    },
  };
}
