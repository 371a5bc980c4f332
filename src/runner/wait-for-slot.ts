import { replaceShownStatus, type Store, type TaskName, type TaskRecord } from '../store/index.ts';
import { isoNow } from '../sys/index.ts';
import { hasNews, lostDependency, noteCompleted, orphansAwaited } from './dependencies.ts';
import { cancelledInQueue, type Outcome } from './outcome.ts';
import { blockersOf, heldLockOf, takeSlot } from './queue.ts';
import type { SupervisorContext } from './supervisor-context.ts';
import { onWakeup } from './wakeup-signal.ts';

/**
 * Waits until the task may run, and records its start. Returns its outcome where it was cancelled
 * first, or one that it was to run after did not complete.
 */
export async function waitForSlot(supervisor: SupervisorContext): Promise<Outcome | undefined> {
  const { claim, requests, journal, options } = supervisor;
  const { store } = claim;
  const recordStart = (): void => {
    journal.change({ status: 'running', startedAt: isoNow() }, { type: 'started' });
    replaceShownStatus(journal.paths.staging, 'running');
  };
  for (let isReported = false; requests.cancel === 'none'; isReported = true) {
    const lost = await checkDependencies(supervisor);
    if (lost) return lost;
    if (takeSlot(store, journal.record, recordStart)) return undefined;
    if (!isReported) options.say?.(whyItWaits(journal.record));
    await untilItMayBeNext(supervisor);
  }
  return cancelledInQueue;
}

/** Recovers those that nobody else may, and notes the others; returns the outcome of a loss. */
async function checkDependencies(supervisor: SupervisorContext): Promise<Outcome | undefined> {
  const { claim, journal, options } = supervisor;
  for (const orphan of orphansAwaited(claim.store, journal.record)) {
    await options.recoverTask?.(claim.store, orphan);
  }
  noteCompleted(claim.store, journal);
  return lostDependency(claim.store, journal.record);
}

function whyItWaits({ task, awaiting = [], group, maxRunning }: TaskRecord): string {
  if (awaiting.length > 0) return `task ${task} waits for ${awaiting.join(', ')}`;
  if (group !== undefined) return `task ${task} waits for its turn in group ${group}`;
  return `task ${task} waits: ${maxRunning} may run at once`;
}

/** Until a slot may be free, or the task was asked to end. */
async function untilItMayBeNext(supervisor: SupervisorContext): Promise<void> {
  const { claim, journal, requests } = supervisor;
  const { store } = claim;
  const stops: (() => void)[] = [];
  try {
    await new Promise<void>((resolve) => {
      stops.push(onWakeup(resolve), requests.subscribe(resolve));
      const blockers = blockersOf(store, journal.record);
      stops.push(onLockFreed(store, blockers, resolve));
      if (blockers.length === 0 || hasNews(store, journal.record)) resolve();
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
    const { spawn } = process.getBuiltinModule('node:child_process');
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
