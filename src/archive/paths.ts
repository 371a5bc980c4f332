import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { isTaskName, type Store, type TaskName, taskPaths } from '../store/index.ts';

/** The encrypted files of an archive, by what is in them. */
export const FILES = {
  artifacts: 'artifacts.tar.enc',
  index: 'index.enc',
  log: 'log.enc',
} as const;

export type Part = keyof typeof FILES;
export const PARTS = ['artifacts', 'index', 'log'] as const satisfies readonly Part[];

/** The task's age identity, encrypted to the store's recipients. */
export const KEY_FILE = 'key.age';
export const SEAL_FILE = 'seal.json';

/**
 * Where an archive is written before the rename that commits it; no task's name has a leading dot.
 */
export function partialPath(store: Store, task: TaskName): string {
  return join(store.archive, `.${task}.partial`);
}

/** Where an archive with a new index is made, see reindex-commit.ts. */
export const REINDEXED = '.reindexed';
export function reindexedPath(store: Store, task: TaskName): string {
  return join(store.archive, `.${task}${REINDEXED}`);
}

/** Where the archive of a task that gets this name is made, see rename.ts. */
export function renamedPath(store: Store, task: TaskName): string {
  return join(store.archive, `.${task}.renamed`);
}

/** The chain of all seals of a store. */
export function chainPath(store: Store): string {
  return join(store.path, 'seals.jsonl');
}

/** The tasks that have an archive, by name. */
export const archivedTasks = (store: Store): TaskName[] =>
  readdirSync(store.archive).filter(isTaskName).sort();

/** What a task's archive takes on disk, in bytes; 0 where there is none. */
export function archiveSize(store: Store, task: TaskName): number {
  const { archive } = taskPaths(store, task);
  try {
    return readdirSync(archive)
      .map((name) => lstatSync(join(archive, name), { throwIfNoEntry: false })?.size ?? 0)
      .reduce((sum, size) => sum + size, 0);
  } catch {
    return 0;
  }
}
