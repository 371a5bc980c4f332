import { closeSync, constants, mkdirSync, mkdtempSync, openSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { unlessMissing } from '../errno.ts';
import { tryLock, waitLock } from '../sys/index.ts';
import { adoptLock, type Lock } from './lock.ts';
import type { Store } from './paths.ts';
import { isTaskName, type TaskName } from './task-name.ts';

const directoryOf = (store: Store): string => join(store.path, 'edits');

/** A directory for one copy of a task's file, 0700; its lock says that an editor is at it. */
export function makeEditDirectory(store: Store, task: TaskName): { path: string; lock: Lock } {
  mkdirSync(directoryOf(store), { recursive: true, mode: 0o700 });
  const path = mkdtempSync(join(directoryOf(store), `${task}-`));
  const fd = openDirectory(path);
  waitLock(fd);
  return { path, lock: adoptLock(fd) };
}

/** A directory with what an editor saved and `taskfs edit` could not write back: plaintext. */
export interface LeftEdit {
  readonly task: TaskName;
  readonly path: string;
}

/** All of them, without those that an editor is at. */
export function listLeftEdits(store: Store): LeftEdit[] {
  return readNames(directoryOf(store)).flatMap((name) => {
    const task = SUFFIXED.exec(name)?.[1];
    const path = join(directoryOf(store), name);
    return task !== undefined && isTaskName(task) && isLeft(path) ? [{ task, path }] : [];
  });
}

/** What mkdtemp(3) makes of a task's name. */
const SUFFIXED = /^(.+)-[A-Za-z0-9]{6}$/;

const readNames = (directory: string): string[] =>
  (unlessMissing(() => readdirSync(directory)) ?? []).sort();

/** False also where it went away meanwhile. */
function isLeft(path: string): boolean {
  let fd: number;
  try {
    fd = openDirectory(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return false;
    throw error;
  }
  try {
    return tryLock(fd, 'shared');
  } finally {
    closeSync(fd);
  }
}

function openDirectory(path: string): number {
  return openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
}
