import { existsSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { appendToChain, lastLineOf, partialPath, reindexedPath } from '../archive/index.ts';
import { messageOf, TaskfsError } from '../errors.ts';
import { syncDirectory } from '../files/index.ts';
import {
  isBeingRemoved,
  isFinal,
  isLocked,
  isPinned,
  isTaskName,
  listLeftEdits,
  listTasks,
  loadSigningKey,
  noteRemoval,
  readRecord,
  type Store,
  type TaskName,
  type TaskRecord,
  takeLock,
  taskPaths,
} from '../store/index.ts';
import { AT, assertUnmounted, isoNow, monotonicMs, removeTree } from '../sys/index.ts';
import { removeRuns } from './attempts.ts';
import { openJournal } from './journal.ts';
import { awaitedTasks, leaveQueue } from './queue.ts';
import { assertNotElsewhere } from './supervisor-liveness.ts';

/**
 * Removes a task that has ended: staging, edits that were not written back, archive, log, record.
 * A removal that is cut short is noted in the task's directory, and `finishRemoval` completes it.
 * Nothing is removed where something is mounted in any of it. `sealedMs`: only the one that was
 * sealed then (milliseconds since 1970). Throws `not-found`, `usage` where it has not ended,
 * somebody works on it or it is another one, `failed`.
 */
export function removeTask(store: Store, task: TaskName, sealedMs?: number): void {
  const paths = taskPaths(store, task);
  assertRemovable(store, task);
  try {
    using lock = takeLock(paths.lock);
    if (!lock) throw inUse(task, 'is being sealed', `Wait for it first: 'taskfs wait ${task}'.`);
    if (sealedMs !== undefined) assertSealedThen(store, task, sealedMs);
    const archives = [paths.archive, partialPath(store, task), reindexedPath(store, task)];
    const edits = listLeftEdits(store).filter((edit) => edit.task === task);
    const plain = [paths.staging, paths.aside, ...edits.map(({ path }) => path)];
    for (const path of [...plain, ...archives, paths.directory]) assertUnmounted(path);
    const isRepeated = isBeingRemoved(store, task);
    if (!isRepeated) {
      assertNotCutShort(store, task);
      noteRemoval(store, task);
    }
    for (const path of plain) removeTree(AT.FDCWD, path);
    const isArchived = existsSync(paths.archive);
    if (isArchived || lastLineOf(store, task)?.type === 'sealed') {
      recordRemoval(store, task, isRepeated);
    }
    for (const path of archives) removeAtomically(path, asidePath(store.archive, task));
    removeAtomically(paths.directory, asidePath(store.tasks, task));
  } catch (cause) {
    if (cause instanceof TaskfsError && cause.kind === 'usage') throw cause;
    throw new TaskfsError('failed', `task ${task} cannot be removed: ${messageOf(cause)}`, {
      hint: "Put that right, then 'taskfs rm' removes what is left of it.",
      cause,
    });
  }
}

/** Tasks whose removal was begun and not ended. Somebody may be about to end it. */
export function removalsCutShort(store: Store): TaskName[] {
  const aside = [store.tasks, store.archive]
    .flatMap((directory) => readdirSync(directory))
    .filter((name) => name.startsWith('.') && name.endsWith(REMOVED))
    .map((name) => name.slice(1, -REMOVED.length));
  const noted = listTasks(store).filter((task) => isBeingRemoved(store, task));
  return [...new Set([...noted, ...aside.filter(isTaskName)])];
}

/** Ends a removal that was cut short; false where somebody else is at it. Throws `failed`. */
export function finishRemoval(store: Store, task: TaskName): boolean {
  if (isBeingRemoved(store, task)) {
    if (isLocked(taskPaths(store, task).lock)) return false;
    removeTask(store, task);
    return true;
  }
  const aside = asidePath(store.tasks, task);
  const lock = join(aside, 'lock');
  if (existsSync(lock) && isLocked(lock)) return false;
  for (const path of [asidePath(store.archive, task), aside]) {
    assertUnmounted(path);
    removeTree(AT.FDCWD, path);
  }
  return true;
}

/** What a directory is called while it is removed. */
const REMOVED = '.removed';
const asidePath = (parent: string, task: TaskName): string => join(parent, `.${task}${REMOVED}`);

/** A task has to have ended. Whether one has whose record is damaged, only its lock says. */
function assertRemovable(store: Store, task: TaskName): void {
  if (isBeingRemoved(store, task)) return;
  if (isPinned(store, task)) {
    throw inUse(task, 'is pinned', `Unpin it first: 'taskfs unpin ${task}'.`);
  }
  try {
    const { status } = readRecord(taskPaths(store, task).record, task);
    if (isFinal(status)) return;
    throw inUse(task, `is ${status}`, `End it first: 'taskfs cancel ${task}'.`);
  } catch (error) {
    if (!(error instanceof TaskfsError) || error.kind !== 'damaged') throw error;
  }
}

/**
 * Throws `usage` where a renaming was cut short: the chain may have the new name already, of which
 * there would be an archive and no record. Only for the holder of the task's lock.
 */
export function assertNotCutShort(store: Store, task: TaskName): void {
  if (!existsSync(taskPaths(store, task).renaming)) return;
  throw inUse(task, 'was being renamed, and that was cut short', "First: 'taskfs recover'.");
}

/** Somebody may have removed it, and run another one of that name. */
function assertSealedThen(store: Store, task: TaskName, sealedMs: number): void {
  const { sealedAt } = readRecord(taskPaths(store, task).record, task);
  if (Date.parse(sealedAt ?? '') === sealedMs) return;
  throw inUse(task, 'is another one by now', 'It was run again meanwhile, and stays.');
}

/**
 * Records the removal in the chain of seals, which tells an archive that was removed from one that
 * is lost; also one that never came to its place, as where its commit was cut short.
 */
function recordRemoval(store: Store, task: TaskName, isRepeated: boolean): void {
  if (isRepeated && lastLineOf(store, task)?.type === 'removed') return;
  const at = isoNow();
  const line = { type: 'removed', task, seal: null, at } as const;
  appendToChain(store, loadSigningKey(store), () => line);
}

function inUse(task: TaskName, why: string, hint: string): TaskfsError {
  return new TaskfsError('usage', `task ${task} ${why}`, { hint });
}

/** Renames a directory before it is removed: nobody ever sees half of it. */
function removeAtomically(directory: string, aside: string): void {
  removeTree(AT.FDCWD, aside);
  if (!existsSync(directory)) return;
  renameSync(directory, aside);
  syncDirectory(join(directory, '..'));
  removeTree(AT.FDCWD, aside);
}

/**
 * Removes an ended task, and first what an engine still has of its
 * runs. Returns why something of them stayed, in words that name it:
 * nobody knows of it any more then. `sealedMs` and errors are as those of `removeTask`.
 */
export async function removeEnded(
  store: Store,
  task: TaskName,
  sealedMs?: number,
): Promise<string[]> {
  const record = recordIfWhole(store, task);
  if (record) assertNotElsewhere(store, record);
  if (record?.artifacts === 'sealed') await untilReleased(store, task);
  const errors = await removeLeftRuns(store, task);
  removeTask(store, task, sealedMs);
  leaveQueue(store, task);
  return errors;
}

/** How long the supervisor of a sealed task gets to end, in milliseconds. */
const PATIENCE_MS = 5_000;

/**
 * `wait` returns once all is sealed; its supervisor holds the lock for a moment longer, and one
 * that is to run after it may not have noticed yet.
 */
export async function untilReleased(store: Store, task: TaskName): Promise<void> {
  const { lock } = taskPaths(store, task);
  const deadline = monotonicMs() + PATIENCE_MS;
  const isNeeded = (): boolean => isLocked(lock) || awaitedTasks(store).has(task);
  while (isNeeded() && monotonicMs() < deadline) await sleep(20);
}

async function removeLeftRuns(store: Store, task: TaskName): Promise<string[]> {
  const paths = taskPaths(store, task);
  const left = recordIfWhole(store, task);
  // Only the engine may be able to remove plaintext that is left.
  if (!left?.unremoved && !left?.plaintext) return [];
  using lock = takeLock(paths.lock);
  if (!lock) return [];
  const record = readRecord(paths.record, task);
  return await removeRuns(openJournal({ store, task, record, lock }));
}

/** Undefined where it is damaged: then nothing is known of its runs. */
function recordIfWhole(store: Store, task: TaskName): TaskRecord | undefined {
  try {
    return readRecord(taskPaths(store, task).record, task);
  } catch (error) {
    if (error instanceof TaskfsError && error.kind === 'damaged') return undefined;
    throw error;
  }
}
