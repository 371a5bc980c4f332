/**
 * Empty files in a task's directory that say something of it. Files of their own, for the record
 * is only written by the holder of the task's lock.
 */
import { closeSync, constants, existsSync, openSync, rmSync } from 'node:fs';
import { syncDirectory } from '../files/index.ts';
import { type Store, taskPaths } from './paths.ts';
import type { TaskName } from './task-name.ts';

/**
 * `pinned`: no rule removes the task, nor `rm`. `removing`: made before anything is removed.
 * `on-end`: its command for the end was not started yet.
 */
type Marker = 'pinned' | 'removing' | 'on-end';

const pathOf = (store: Store, task: TaskName, marker: Marker): string =>
  `${taskPaths(store, task).directory}/${marker}`;

/** Whether a task is pinned. */
export const isPinned = (store: Store, task: TaskName): boolean =>
  existsSync(pathOf(store, task, 'pinned'));

/** Pins a task that is there; no error where it is pinned already. Throws the system's errors. */
export const pin = (store: Store, task: TaskName): void => place(store, task, 'pinned');

/** Unpins a task; no error where it is not pinned. Throws the system's errors. */
export function unpin(store: Store, task: TaskName): void {
  rmSync(pathOf(store, task, 'pinned'), { force: true });
  syncDirectory(taskPaths(store, task).directory);
}

/** Whether a task's removal was begun; unless somebody holds its lock, it was cut short. */
export const isBeingRemoved = (store: Store, task: TaskName): boolean =>
  existsSync(pathOf(store, task, 'removing'));

/** Notes durably that a task's removal begins. Throws the system's errors. */
export const noteRemoval = (store: Store, task: TaskName): void => place(store, task, 'removing');

/** Durably makes the claim to start a task's command for the end: whoever removes it, starts it. */
export function offerOnEnd(store: Store, task: TaskName): string {
  place(store, task, 'on-end');
  return pathOf(store, task, 'on-end');
}

/** Whether that was made, and nobody has removed it. */
export const isOnEndOffered = (store: Store, task: TaskName): boolean =>
  existsSync(pathOf(store, task, 'on-end'));

/** Takes it back: the command cannot be started. */
export const withdrawOnEnd = (store: Store, task: TaskName): void =>
  rmSync(pathOf(store, task, 'on-end'), { force: true });

/** Durably; it needs no space, so a full disk is no obstacle. */
function place(store: Store, task: TaskName, marker: Marker): void {
  const { O_WRONLY, O_CREAT, O_NOFOLLOW } = constants;
  closeSync(openSync(pathOf(store, task, marker), O_WRONLY | O_CREAT | O_NOFOLLOW, 0o600));
  syncDirectory(taskPaths(store, task).directory);
}
