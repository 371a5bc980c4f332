import { existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { AT, removeTree } from '../sys/index.ts';
import { syncDirectory } from './atomic-file.ts';
import { messageOf, TaskfsError } from './errors.ts';
import { loadSigningKey } from './keys.ts';
import { takeLock } from './lock.ts';
import { readRecord } from './record.ts';
import { appendToChain } from './seal/chain.ts';
import { reindexedPath } from './seal/layout.ts';
import { isFinal } from './status.ts';
import { type Store, taskPaths } from './store.ts';
import type { TaskName } from './task-name.ts';

/**
 * Removes a task that has ended: archive, staging, log, record; in this order, so that a removal cut
 * short can be repeated by its name. Throws `not-found`, `usage` where it has not ended or somebody
 * works on it, `failed`.
 */
export function removeTask(store: Store, task: TaskName): void {
  const paths = taskPaths(store, task);
  const { status } = readRecord(paths.record, task);
  if (!isFinal(status)) throw inUse(task, `is ${status}`, `End it first: 'taskfs cancel ${task}'.`);
  using lock = takeLock(paths.lock);
  if (!lock) throw inUse(task, 'is being sealed', `Wait for it first: 'taskfs wait ${task}'.`);
  try {
    if (existsSync(paths.archive)) announceRemoval(store, task);
    takeAway(paths.archive, join(store.archive, `.${task}.removed`));
    removeTree(AT.FDCWD, reindexedPath(store, task));
    removeTree(AT.FDCWD, paths.staging);
    takeAway(paths.directory, join(store.tasks, `.${task}.removed`));
  } catch (cause) {
    throw new TaskfsError('failed', `task ${task} cannot be removed: ${messageOf(cause)}`, {
      hint: "What is left of it goes with 'taskfs rm' once that is mended.",
      cause,
    });
  }
}

/** In the chain of seals, so that an archive which is gone on purpose is told from one that is lost. */
function announceRemoval(store: Store, task: TaskName): void {
  const at = new Date().toISOString();
  const announcement = { type: 'removed', task, seal: null, at } as const;
  appendToChain(store, loadSigningKey(store), () => announcement);
}

function inUse(task: TaskName, why: string, hint: string): TaskfsError {
  return new TaskfsError('usage', `task ${task} ${why}`, { hint });
}

/** By a rename first: nobody ever sees half of it. */
function takeAway(directory: string, aside: string): void {
  removeTree(AT.FDCWD, aside);
  if (!existsSync(directory)) return;
  renameSync(directory, aside);
  syncDirectory(join(directory, '..'));
  removeTree(AT.FDCWD, aside);
}
