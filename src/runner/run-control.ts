import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../errors.ts';
import type { Exit, Running } from './engines/engine.ts';
import type { Journal } from './journal.ts';
import { type Outcome, outcomeOf, type Stop } from './outcome.ts';
import { NOT_PAUSED, NOT_RESUMED, type Requests } from './requests.ts';
import { setLongTimer } from './time-limit.ts';

/** What a supervisor acts upon during a run. */
export interface RunContext {
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

/**
 * Follows a run to its end: cancels, pauses and resumes it as requested, and enforces its timeout.
 */
export async function controlRun(running: Running, context: RunContext): Promise<Outcome> {
  const { requests, journal } = context;
  const termination = createTermination(running, context);
  const pauseControl = createPauseControl(running, context);
  let stop: Stop = 'none';
  const applyRequests = (): void => {
    if (requests.cancel !== 'none') {
      if (stop === 'none') stop = 'cancelled';
      termination.request(requests.cancel === 'kill');
      return;
    }
    if (stop === 'none') pauseControl.update();
  };
  const expire = (): void => {
    if (stop !== 'none') return;
    stop = 'timeout';
    journal.note({ type: 'timeout', afterMs: context.timeoutMs });
    termination.request(false);
  };
  const cancelTimer = setLongTimer(context.remainingMs, expire);
  const unsubscribe = requests.subscribe(applyRequests);
  applyRequests();
  try {
    const exit = await running.ended;
    if (stop === 'none') reportEndedWithIt(exit, context);
    return outcomeOf(exit, stop, context.timeoutMs);
  } finally {
    unsubscribe();
    cancelTimer();
    termination.close();
    pauseControl.close();
  }
}

/** A daemon that a command leaves behind does not outlive it, which its user may not expect. */
function reportEndedWithIt({ endedWithIt = [] }: Exit, { journal, say }: RunContext): void {
  if (endedWithIt.length === 0) return;
  journal.note({ type: 'ended-with-it', programs: endedWithIt });
  say?.(
    `Task ${journal.record.task} left ${endedWithIt.join(', ')} running, which ended with it: ` +
      'what a task starts does not outlive it.',
  );
}

/**
 * Pauses and resumes a run as requested, one after the other. The engine
 * first, then the record, which thus never says what is not so; after a
 * kill in between, the next supervisor does it again. Where the engine
 * refuses, the request is withdrawn, which is how its maker learns of that.
 */
function createPauseControl(running: Running, { requests, journal }: RunContext) {
  let open = true;
  let last = Promise.resolve();
  const apply = async (): Promise<void> => {
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
    update(): void {
      last = last.then(apply);
    },
    close(): void {
      open = false;
    },
  };
}

/** Before a signal that an engine did not take is sent again, in milliseconds. */
const RETRY_MS = 500;

/**
 * Ends a run: its stop signal, then SIGKILL after the grace period, or at once. An engine that
 * cannot do it now, as while it restarts, is asked until it does: its containers may outlive it.
 */
function createTermination(running: Running, { journal, graceMs }: RunContext) {
  let stage: 'none' | 'asked' | 'killed' | 'over' = 'none';
  let timer: NodeJS.Timeout | undefined;
  const send = async (signal: string, during: typeof stage): Promise<void> => {
    journal.note({ type: 'stopping', signal });
    for (let failures = 0; stage === during; failures++) {
      try {
        await running.signal(signal);
        // A stopped process handles the signal only once it continues.
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
