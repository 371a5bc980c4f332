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
import { AT, isoNow, RENAME_EXCHANGE, removeTree, renameAt } from '../../sys/index.ts';
import { appendToChain } from '../chain.ts';
import { isReindexPending } from '../genuine-seal.ts';
import { FILES, KEY_FILE, REINDEXED, reindexedPath, SEAL_FILE } from '../paths.ts';
import { type Seal, serialiseSeal, sha256, signed } from '../seal-record.ts';

/**
 * A new index is made, with its seal, in a directory beside the archive, which holds hard links to
 * the archive's other files. A line in the chain names it as the archive from now on; then the two
 * directories are exchanged atomically, and the old one is removed. Wherever this is interrupted,
 * the chain says which of the two is the archive.
 */

/**
 * Signs the seal of a rebuilt index, and puts it in the archive's place. Throws `failed`, Errno.
 */
export function commitReindex(store: Store, task: TaskName, key: KeyObject, seal: Seal): void {
  const { archive } = taskPaths(store, task);
  const directory = reindexedPath(store, task);
  assertCanExchange(directory);
  // A key.age rewritten meanwhile would end up in the wrong one of the two directories.
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
    return { type: 'sealed', task, seal: sha256(text), at: isoNow() };
  });
  finishReindex(store, task);
}

/** Some file systems cannot: that must be known before the chain says that it was done. */
function assertCanExchange(directory: string): void {
  const [one, two] = ['one', 'two'].map((name) => join(directory, name)) as [string, string];
  try {
    for (const path of [one, two]) mkdirSync(path);
    exchange(one, two);
  } catch (cause) {
    throw new TaskfsError('failed', `two directories in ${directory} cannot be exchanged`, {
      hint:
        'The file system of the store lacks RENAME_EXCHANGE: copy the store to one that ' +
        'has it.',
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
 * Ends an interrupted reindex: a new index that the chain names takes its place, any other is
 * dropped. Does nothing where there was none. Only for the holder of the task's lock.
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

/** Keys may have been rotated meanwhile, which rewrote key.age in the old directory. */
function keepNewerKey(from: string, to: string): void {
  const [older, newer] = [to, from].map((directory) =>
    statSync(join(directory, KEY_FILE), { throwIfNoEntry: false, bigint: true }),
  );
  if (!newer || (older && older.mtimeNs >= newer.mtimeNs)) return;
  renameSync(join(from, KEY_FILE), join(to, KEY_FILE));
  syncDirectory(to);
}

/**
 * Ends all of a store's, but for tasks that somebody else holds the lock of. Returns the tasks.
 */
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
