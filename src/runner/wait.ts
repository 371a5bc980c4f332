import { type FSWatcher, watch } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { TaskfsError } from '../errors.ts';
import {
  readRecord,
  type Store,
  type TaskName,
  type TaskRecord,
  taskPaths,
} from '../store/index.ts';
import { recoverTask } from './recover.ts';
import {
  describeLeftAlone,
  isSettled,
  isSupervised,
  unseenSupervisor,
} from './supervisor-liveness.ts';

/** The polling interval, in milliseconds: what a change that is not reported costs at most. */
const POLL_MS = 1000;

/** Between two tries to finish a task, in milliseconds: another process may be doing so. */
const PAUSE_MS = 200;

/**
 * Waits until a task has ended and its files are sealed or kept, and returns its record; sealed,
 * no plaintext is left, or the record says why. Where its supervisor dies meanwhile, the task is
 * recovered. Throws `not-found` where there is no such task, also when it is removed meanwhile,
 * `failed` where it cannot be finished.
 */
export async function waitFor(
  store: Store,
  task: TaskName,
  say: (words: string) => void = () => {},
): Promise<TaskRecord> {
  const reportElsewhere = reportingElsewhere(store, say);
  for (;;) {
    const record = await waitForRecord(store, task, (now) => {
      reportElsewhere(now);
      return isSettled(store, now) || !isSupervised(store, now);
    });
    if (isSettled(store, record)) return record;
    const recovery = await recoverTask(store, task, { scope: 'unfinished' });
    if (recovery?.outcome === 'failed') {
      throw new TaskfsError('failed', `task ${task} cannot be finished: ${recovery.error}`, {
        hint: "'taskfs recover' tries again.",
      });
    }
    if (!recovery) await sleep(PAUSE_MS);
  }
}

/**
 * Says once where a task is supervised, if not here: whoever waits for another machine may wait for
 * ever. Asked for again while it waits: recovery holds the lock for an instant, to see whether it
 * may.
 */
function reportingElsewhere(
  store: Store,
  say: (words: string) => void,
): (record: TaskRecord) => void {
  let isReported = false;
  return (record) => {
    const elsewhere = isReported ? undefined : unseenSupervisor(store, record);
    if (!elsewhere) return;
    isReported = true;
    say(describeLeftAlone(record.task, elsewhere));
  };
}

/** Waits until a task's record is as wanted: by inotify, and by polling now and then. */
export async function waitForRecord(
  store: Store,
  task: TaskName,
  isWanted: (record: TaskRecord) => boolean,
): Promise<TaskRecord> {
  const paths = taskPaths(store, task);
  const first = readRecord(paths.record, task);
  if (isWanted(first)) return first;
  return new Promise((resolve, reject) => {
    const finish = (settle: () => void): void => {
      watcher?.close();
      clearInterval(timer);
      settle();
    };
    const check = (): void => {
      try {
        const record = readRecord(paths.record, task);
        if (isWanted(record)) finish(() => resolve(record));
      } catch (error) {
        finish(() => reject(error));
      }
    };
    const watcher = tryWatch(paths.directory, check);
    const timer = setInterval(check, POLL_MS);
    check();
  });
}

/** Watches a directory; without, where the user has no inotify instances left (128 by default). */
export function tryWatch(directory: string, onChange: () => void): FSWatcher | undefined {
  try {
    const watcher = watch(directory, onChange);
    watcher.on('error', () => watcher.close());
    return watcher;
  } catch {
    return undefined;
  }
}
