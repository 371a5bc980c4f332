import { closeSync, constants, existsSync, openSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ErrorKind, reasonOf, TaskfsError } from '../../errors.ts';
import { syncFileSystem } from '../../files/index.ts';
import {
  loadRecipients,
  recipientsOf,
  type Store,
  type TaskName,
  taskPaths,
} from '../../store/index.ts';
import { openTaskKey, wrapTaskKey } from '../key-file.ts';
import { archivedTasks, KEY_FILE } from '../paths.ts';

/** What became of the archives' keys. */
export interface Rewrapped {
  readonly rewrapped: number;
  /** Archives that none of the identities opens: they stay as they were. */
  readonly failed: readonly Failure[];
}

interface Failure {
  readonly task: TaskName;
  /** `wrong-key` where another identity may open it, `damaged` where none does. */
  readonly kind: ErrorKind;
  readonly message: string;
}

export type OnRewrapped = (progress: { readonly done: number; readonly total: number }) => void;

/**
 * Archives whose new keys are synced together: one sync for each of thousands would take minutes.
 */
const BATCH = 500;

/**
 * Encrypts the keys of all archives, or of these, again: to the store's present recipients and the
 * archive's own. Only key.age is written,
 * replaced as a whole; after an interruption it can simply be repeated. Only for the holder of the
 * lock on keys. Throws `failed` where a key cannot be written.
 */
export async function rewrapArchives(
  store: Store,
  identities: readonly string[],
  onProgress?: OnRewrapped,
  tasks: readonly TaskName[] = archivedTasks(store),
): Promise<Rewrapped> {
  const recipients = loadRecipients(store);
  const failed: Failure[] = [];
  let rewrapped = 0;
  for (let done = 0; done < tasks.length; done += BATCH) {
    const batch = tasks.slice(done, done + BATCH);
    const written = await writeKeys(store, batch, identities, recipients);
    syncFileSystem(store.archive);
    for (const result of written) {
      if (typeof result !== 'string') failed.push(result);
      else if (replaceKey(result)) rewrapped++;
    }
    onProgress?.({ done: done + batch.length, total: tasks.length });
  }
  syncFileSystem(store.archive);
  return { rewrapped, failed };
}

/**
 * Checks that the identities open every archive, before a change that is useless where they do
 * not. Damaged ones are left to `rewrapArchives`: no identity opens them. Throws `wrong-key`.
 */
export async function assertAllOpen(store: Store, identities: readonly string[]): Promise<void> {
  const tasks = archivedTasks(store);
  const refused: TaskName[] = [];
  for (const task of tasks) {
    if (!(await opens(store, task, identities))) refused.push(task);
  }
  const [first] = refused;
  if (first === undefined) return;
  const which =
    refused.length === tasks.length
      ? 'any archive'
      : `${refused.length} of ${tasks.length} archives, such as that of ${first}`;
  throw new TaskfsError('wrong-key', `no identity at hand opens ${which}: no key was changed`, {
    hint:
      "Name the one that does with --identity or TASKFS_IDENTITY; 'taskfs rm' removes archives " +
      'that nothing opens any more.',
  });
}

async function opens(
  store: Store,
  task: TaskName,
  identities: readonly string[],
): Promise<boolean> {
  try {
    await openTaskKey(taskPaths(store, task).archive, identities);
    return true;
  } catch (error) {
    return !(error instanceof TaskfsError && error.kind === 'wrong-key');
  }
}

/**
 * The directories of the archives that have a new key beside the old one, and those that have
 * none.
 */
async function writeKeys(
  store: Store,
  tasks: readonly TaskName[],
  identities: readonly string[],
  recipients: readonly string[],
): Promise<(string | Failure)[]> {
  const results = tasks.map(async (task) => {
    const { archive } = taskPaths(store, task);
    try {
      const identity = await openTaskKey(archive, identities);
      const key = await wrapTaskKey(task, identity, recipientsOf(store, task, recipients));
      writeNewKey(archive, key);
      return archive;
    } catch (cause) {
      if (!existsSync(archive)) return undefined;
      if (cause instanceof TaskfsError) return { task, kind: cause.kind, message: cause.message };
      throw notWritten(task, cause);
    }
  });
  return (await Promise.all(results)).filter((result) => result !== undefined);
}

/** One name for all: what a killed process left of it is overwritten by the next. */
const NEW_KEY = `${KEY_FILE}.tmp`;
const WRITE = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW;

function writeNewKey(archive: string, key: Uint8Array): void {
  const fd = openSync(join(archive, NEW_KEY), WRITE, 0o600);
  try {
    writeFileSync(fd, key);
  } finally {
    closeSync(fd);
  }
}

/** Whether it was replaced: not where the task was removed meanwhile. */
function replaceKey(archive: string): boolean {
  try {
    renameSync(join(archive, NEW_KEY), join(archive, KEY_FILE));
    return true;
  } catch (error) {
    if (existsSync(archive)) throw error;
    return false;
  }
}

function notWritten(task: TaskName, cause: unknown): TaskfsError {
  return new TaskfsError('failed', `the key of ${task} cannot be written: ${reasonOf(cause)}`, {
    hint: 'Every archive still has its old key or its new one: try again once that is fixed.',
    cause,
  });
}
