import { existsSync } from 'node:fs';
import { Errno, errno } from '../errno.ts';
import { TaskfsError } from '../errors.ts';
import { AT, assertUnmounted, RENAME_NOREPLACE, renameAt } from '../sys/index.ts';
import { type Store, type TaskPaths, taskPaths } from './store.ts';
import type { TaskName } from './task-name.ts';

/**
 * Takes the name of a task's staging away, before it is read to be sealed: who knows it by its path
 * finds nothing any more, where a write would come too late. Mounts go on showing it. Nothing changes
 * where that was done before, or there is no staging. Returns where the files are from now on.
 * Throws `failed` where somebody made the directory anew, MountedBeneath, Errno.
 */
export function setAside(store: Store, task: TaskName): string {
  const { staging, aside } = taskPaths(store, task);
  // Named by the path that whoever mounted it knows.
  assertUnmounted(staging);
  if (!rename(staging, aside)) throw madeAnew(task, staging, aside);
  return aside;
}

/** Gives the name back, to files that stay, if that is possible: either name does. */
export function putBack(store: Store, task: TaskName): void {
  const { staging, aside } = taskPaths(store, task);
  try {
    rename(aside, staging);
  } catch (error) {
    if (!(error instanceof Errno)) throw error;
  }
}

/** Where a task's staging lies now, under which name ever; undefined where there is none. */
export function findStaging({ staging, aside }: TaskPaths): string | undefined {
  // A directory that is renamed during the first two looks is found by the third.
  return [aside, staging, aside].find((path) => existsSync(path));
}

/** False where both are there. */
function rename(from: string, to: string): boolean {
  try {
    renameAt(AT.FDCWD, from, AT.FDCWD, to, RENAME_NOREPLACE);
  } catch (error) {
    if (!(error instanceof Errno)) throw error;
    if (error.errno === errno.EEXIST) return false;
    if (error.errno !== errno.ENOENT) throw error;
  }
  return true;
}

const madeAnew = (task: TaskName, staging: string, aside: string): TaskfsError =>
  new TaskfsError('failed', `${staging} was made anew after task ${task} had ended`, {
    hint: `Move away what is in it: the task's own files are in ${aside}.`,
  });
