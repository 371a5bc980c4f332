import { closeSync, constants, existsSync, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { syncDirectory } from '../files/index.ts';
import { type Store, taskPaths } from './paths.ts';
import type { TaskName } from './task-name.ts';

/**
 * An empty file in a task's directory: no rule removes the task, nor `rm`. A file of its own, for
 * the record is only written by the holder of the task's lock.
 */
const pinPath = (store: Store, task: TaskName): string =>
  join(taskPaths(store, task).directory, 'pinned');

/** Whether a task is pinned. */
export const isPinned = (store: Store, task: TaskName): boolean => existsSync(pinPath(store, task));

/** Pins a task that is there; no error where it is pinned already. Throws the system's errors. */
export function pin(store: Store, task: TaskName): void {
  const { O_WRONLY, O_CREAT, O_NOFOLLOW } = constants;
  closeSync(openSync(pinPath(store, task), O_WRONLY | O_CREAT | O_NOFOLLOW, 0o600));
  syncDirectory(taskPaths(store, task).directory);
}

/** Unpins a task; no error where it is not pinned. Throws the system's errors. */
export function unpin(store: Store, task: TaskName): void {
  rmSync(pinPath(store, task), { force: true });
  syncDirectory(taskPaths(store, task).directory);
}
