import { closeSync, constants, existsSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { syncDirectory } from '../files/index.ts';
import { type Store, taskPaths } from './paths.ts';
import type { TaskName } from './task-name.ts';

/** An empty file in a task's directory, created before anything of the task is removed. */
const NOTE = 'removing';

/**
 * Whether the removal of a task was begun; it was cut short unless somebody holds the task's lock.
 */
export const isBeingRemoved = (store: Store, task: TaskName): boolean =>
  existsSync(join(taskPaths(store, task).directory, NOTE));

/**
 * Notes, durably, that a task's removal begins. Needs no space, so a full disk does not stop it.
 */
export function noteRemoval(store: Store, task: TaskName): void {
  const { directory } = taskPaths(store, task);
  const { O_WRONLY, O_CREAT, O_NOFOLLOW } = constants;
  closeSync(openSync(join(directory, NOTE), O_WRONLY | O_CREAT | O_NOFOLLOW, 0o600));
  syncDirectory(directory);
}
