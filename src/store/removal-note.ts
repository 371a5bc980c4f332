import { closeSync, constants, existsSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { syncDirectory } from '../files/index.ts';
import { type Store, taskPaths } from './paths.ts';
import type { TaskName } from './task-name.ts';

/** An empty file in a task's directory, created before anything of the task is removed. */
const NOTE = 'removing';

/** Whether a task's removal was begun; unless somebody holds its lock, it was cut short. */
export const isBeingRemoved = (store: Store, task: TaskName): boolean =>
  existsSync(join(taskPaths(store, task).directory, NOTE));

/** Notes durably that a task's removal begins. Needs no space, so a full disk is no obstacle. */
export function noteRemoval(store: Store, task: TaskName): void {
  const { directory } = taskPaths(store, task);
  const { O_WRONLY, O_CREAT, O_NOFOLLOW } = constants;
  closeSync(openSync(join(directory, NOTE), O_WRONLY | O_CREAT | O_NOFOLLOW, 0o600));
  syncDirectory(directory);
}
