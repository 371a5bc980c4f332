import { spawn } from 'node:child_process';
import { replaceShownStatus, type Store, type TaskName } from '../store/index.ts';
import { isoNow } from '../sys/index.ts';
import { blockersOf, heldLockOf, takeSlot } from './queue.ts';
import type { SupervisorContext } from './supervisor-context.ts';
import { onWakeup } from './wakeup-signal.ts';

/** Waits until the task may run, and records its start; false where it was cancelled first. */
export async function waitForSlot(supervisor: SupervisorContext): Promise<boolean> {
  const { claim, requests, journal, options } = supervisor;
  const { store, task, record } = claim;
  const isOver = (): boolean => requests.cancel !== 'none';
  const recordStart = (): void => {
    journal.change({ status: 'running', startedAt: isoNow() }, { type: 'started' });
    replaceShownStatus(journal.paths.staging, 'running');
  };
  for (let isReported = false; !isOver(); isReported = true) {
    if (takeSlot(store, task, record.maxRunning, recordStart)) return true;
    if (!isReported) options.say?.(`task ${task} waits: ${record.maxRunning} may run at once`);
    await untilItMayBeNext(supervisor);
  }
  return false;
}

/** Until a slot may be free, or the task was asked to end. */
async function untilItMayBeNext({ claim, requests }: SupervisorContext): Promise<void> {
  const { store, task, record } = claim;
  const stops: (() => void)[] = [];
  try {
    await new Promise<void>((resolve) => {
      stops.push(onWakeup(resolve), requests.subscribe(resolve));
      const blockers = blockersOf(store, task, record.maxRunning);
      if (blockers.length === 0) resolve();
      stops.push(onLockFreed(store, blockers, resolve));
    });
  } finally {
    for (const stop of stops) stop();
  }
}

/** How often locks are checked that cannot be waited for, in milliseconds. */
const INTERVAL_MS = 10_000;

/**
 * Calls `listener` when the lock of one of these tasks came free, and now and then, until the
 * returned function is called.
 */
function onLockFreed(store: Store, tasks: readonly TaskName[], listener: () => void): () => void {
  const locks = tasks.flatMap((task) => heldLockOf(store, task) ?? []);
  const children = locks.map((lock) => {
    const child = spawn('flock', ['-s', '-o', lock, 'true'], { cwd: '/', stdio: 'ignore' });
    child.once('error', () => {});
    child.once('exit', listener);
    return child;
  });
  const timer = setInterval(listener, INTERVAL_MS);
  return () => {
    clearInterval(timer);
    for (const child of children) {
      child.off('exit', listener);
      child.kill();
    }
  };
}
