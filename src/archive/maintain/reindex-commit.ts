import type { KeyObject } from 'node:crypto';
import { existsSync, linkSync, mkdirSync, readdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { TaskfsError } from '../../errors.ts';
import { syncDirectory, writeNewFile } from '../../files/index.ts';
import {
  isTaskName,
  keyPaths,
  type Store,
  type TaskName,
  takeLock,
  takeLockBlocking,
  taskPaths,
} from '../../store/index.ts';
import { AT, RENAME_EXCHANGE, removeTree, renameAt } from '../../sys/index.ts';
import { appendToChain } from '../chain.ts';
import { isReindexPending } from '../genuine-seal.ts';
import { FILES, KEY_FILE, REINDEXED, reindexedPath, SEAL_FILE } from '../paths.ts';
import { type Seal, serialiseSeal, sha256, signed } from '../seal-record.ts';

/**
 * A new index lies with its seal in a directory beside the archive, together with the archive's
 * other files as further names of them. The line in the chain says that it is the archive from now
 * on; then the two directories change places, at one instant, and the old one is removed. Whatever
 * ends this early, the chain tells which of the two it is.
 */

/**
 * Signs the seal of a rebuilt index, and puts it in the archive's place. Throws `failed`, Errno.
 */
export function commitReindex(store: Store, task: TaskName, key: KeyObject, seal: Seal): void {
  const { archive } = taskPaths(store, task);
  const directory = reindexedPath(store, task);
  assertCanExchange(directory);
  // A key.age that is written anew meanwhile would be in the wrong one of the two directories.
  using _ = takeLockBlocking(keyPaths(store).lock);
  for (const file of [FILES.artifacts, FILES.log, KEY_FILE]) {
    const from = join(archive, file);
    if (existsSync(from)) linkSync(from, join(directory, file));
  }
  const { signature: _old, ...body } = seal;
  appendToChain(store, key, (previous) => {
    const text = serialiseSeal(signed({ ...body, previous }, key));
    writeNewFile(join(directory, SEAL_FILE), text);
    syncDirectory(directory);
    return { type: 'sealed', task, seal: sha256(text), at: new Date().toISOString() };
  });
  finishReindex(store, task);
}

/** Some file systems cannot do it: that must be known before the chain says that it was done. */
function assertCanExchange(directory: string): void {
  const [one, two] = ['one', 'two'].map((name) => join(directory, name)) as [string, string];
  try {
    for (const path of [one, two]) mkdirSync(path);
    exchange(one, two);
  } catch (cause) {
    throw new TaskfsError('failed', `two directories in ${directory} cannot change places`, {
      hint: 'The file system of the store must be able to (RENAME_EXCHANGE): copy the store to another.',
      cause,
    });
  } finally {
    for (const path of [one, two]) removeTree(AT.FDCWD, path);
  }
}

function exchange(one: string, two: string): void {
  renameAt(AT.FDCWD, one, AT.FDCWD, two, RENAME_EXCHANGE);
}

/**
 * Ends a reindex that was cut short: once the chain tells of the new index it takes its place,
 * before that it is dropped. Nothing where there was none. Only for the holder of the task's lock.
 */
export function finishReindex(store: Store, task: TaskName): void {
  const { archive } = taskPaths(store, task);
  const directory = reindexedPath(store, task);
  if (!existsSync(directory) || !existsSync(archive)) return;
  if (isReindexPending(store, task)) {
    exchange(directory, archive);
    syncDirectory(store.archive);
  }
  keepNewerKey(directory, archive);
  removeTree(AT.FDCWD, directory);
}

/** Keys may have been rotated meanwhile: that wrote key.age of the old directory anew. */
function keepNewerKey(from: string, to: string): void {
  const [older, newer] = [to, from].map((directory) =>
    statSync(join(directory, KEY_FILE), { throwIfNoEntry: false, bigint: true }),
  );
  if (!newer || (older && older.mtimeNs >= newer.mtimeNs)) return;
  renameSync(join(from, KEY_FILE), join(to, KEY_FILE));
  syncDirectory(to);
}

/** Ends all of a store's; those that somebody works on are left to him. Returns the tasks. */
export function finishReindexes(store: Store): TaskName[] {
  return readdirSync(store.archive)
    .filter((name) => name.startsWith('.') && name.endsWith(REINDEXED))
    .map((name) => name.slice(1, -REINDEXED.length))
    .filter(isTaskName)
    .filter((task) => finishUnlessBusy(store, task));
}

function finishUnlessBusy(store: Store, task: TaskName): boolean {
  const { directory, lock: path } = taskPaths(store, task);
  if (!existsSync(directory)) return false;
  using lock = takeLock(path);
  if (!lock) return false;
  finishReindex(store, task);
  return true;
}
