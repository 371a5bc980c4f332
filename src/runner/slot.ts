import { onNudge } from './nudge.ts';
import { takeSlot } from './queue.ts';
import type { Supervision } from './supervision.ts';

/** Waits until the task may run, and writes its start down; false where it was cancelled first. */
export async function waitForSlot(supervision: Supervision): Promise<boolean> {
  const { claim, requests, journal, options } = supervision;
  const { store, task, record } = claim;
  const isOver = (): boolean => requests.cancel !== 'none';
  const recordStart = (): void =>
    journal.change({ status: 'running', startedAt: new Date().toISOString() }, { type: 'started' });
  const isTaken = (): boolean => takeSlot(store, task, record.maxRunning, recordStart);
  if (isOver()) return false;
  if (isTaken()) return true;
  options.say?.(`task ${task} waits: ${record.maxRunning} may run at once`);
  return new Promise((resolve, reject) => {
    const done = (settle: () => void): void => {
      stop();
      unsubscribe();
      settle();
    };
    const look = (): void => {
      try {
        if (isOver()) done(() => resolve(false));
        else if (isTaken()) done(() => resolve(true));
      } catch (error) {
        done(() => reject(error));
      }
    };
    const stop = onNudge(look);
    const unsubscribe = requests.subscribe(look);
  });
}
