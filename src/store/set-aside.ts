import { existsSync } from 'node:fs';
import { Errno, errno } from '../errno.ts';
import { TaskfsError } from '../errors.ts';
import { AT, assertUnmounted, renameToNew } from '../sys/index.ts';
import { type Store, type TaskPaths, taskPaths } from './paths.ts';
import type { TaskName } from './task-name.ts';

/**
 * Renames a task's staging before it is read to be sealed: whoever knows its path finds nothing
 * there any more, where a write would come too late. Mounts keep showing it. Nothing changes where
 * that was done before, or there is no staging. Returns where the files are from now on. Throws
 * `failed` where somebody created the directory again, MountedBeneath, Errno.
 */
export function setAside(store: Store, task: TaskName): string {
  const { staging, aside } = taskPaths(store, task);
  // Before the rename, so that the error names the path that is mounted on.
  assertUnmounted(staging);
  if (!rename(staging, aside)) throw recreated(task, staging, aside);
  return aside;
}

/** The same where that may fail for now: whoever needs it tries again, and reports a failure. */
export function trySetAside(store: Store, task: TaskName): void {
  try {
    setAside(store, task);
  } catch {}
}

/** Gives the name back to files that stay, if that is possible: they are found by either. */
export function putBack(store: Store, task: TaskName): void {
  const { staging, aside } = taskPaths(store, task);
  try {
    rename(aside, staging);
  } catch (error) {
    if (!(error instanceof Errno)) throw error;
  }
}

/** Where a task's staging is now, under either of its names; undefined where there is none. */
export function findStaging({ staging, aside }: TaskPaths): string | undefined {
  // One that is renamed between the first two checks is found by the third.
  return [aside, staging, aside].find((path) => existsSync(path));
}

/** False where both are there. */
function rename(from: string, to: string): boolean {
  try {
    renameToNew(AT.FDCWD, from, AT.FDCWD, to);
  } catch (error) {
    if (!(error instanceof Errno)) throw error;
    if (error.errno === errno.EEXIST) return false;
    if (error.errno !== errno.ENOENT) throw error;
  }
  return true;
}

const recreated = (task: TaskName, staging: string, aside: string): TaskfsError =>
  new TaskfsError('failed', `${staging} was created again after task ${task} had ended`, {
    hint: `Move away what is in it: the task's own files are in ${aside}.`,
  });
