import { blockersOf, takeSlot } from './queue.ts';
import { watchTasks } from './queue-waiter.ts';
import type { Supervision } from './supervision.ts';
import { onNudge } from './wakeup-signal.ts';

/** Waits until the task may run, and writes its start down; false where it was cancelled first. */
export async function waitForSlot(supervision: Supervision): Promise<boolean> {
  const { claim, requests, journal, options } = supervision;
  const { store, task, record } = claim;
  const isOver = (): boolean => requests.cancel !== 'none';
  const recordStart = (): void =>
    journal.change({ status: 'running', startedAt: new Date().toISOString() }, { type: 'started' });
  for (let isTold = false; !isOver(); isTold = true) {
    if (takeSlot(store, task, record.maxRunning, recordStart)) return true;
    if (!isTold) options.say?.(`task ${task} waits: ${record.maxRunning} may run at once`);
    await untilItMayBeNext(supervision);
  }
  return false;
}

/** Until a slot may be free, or the task was asked to end. */
async function untilItMayBeNext({ claim, requests }: Supervision): Promise<void> {
  const { store, task, record } = claim;
  const stops: (() => void)[] = [];
  try {
    await new Promise<void>((resolve) => {
      stops.push(onNudge(resolve), requests.subscribe(resolve));
      const blockers = blockersOf(store, task, record.maxRunning);
      if (blockers.length === 0) resolve();
      stops.push(watchTasks(store, blockers, resolve));
    });
  } finally {
    for (const stop of stops) stop();
  }
}
