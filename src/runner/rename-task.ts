import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { join } from 'node:path';
import { errno, errnoOf } from '../errno.ts';
import { messageOf, TaskfsError } from '../errors.ts';
import { removeTemporaries, syncDirectory, writeFileAtomic } from '../files/index.ts';
import {
  appendEvent,
  createRecord,
  isFinal,
  isTaskName,
  type Lock,
  listLeftEdits,
  noteRemoval,
  readEvents,
  readRecord,
  type Store,
  type TaskName,
  type TaskPaths,
  type TaskRecord,
  takeLock,
  taskPaths,
} from '../store/index.ts';
import { AT, isoNow, removeTree } from '../sys/index.ts';
import { anchorSeal } from './after-seal.ts';
import { openJournal } from './journal.ts';
import { awaitedTasks } from './queue.ts';
import { locked } from './queue-tickets.ts';
import { assertNotCutShort, finishRemoval, untilReleased } from './remove-task.ts';
import { DRAFT } from './submit.ts';
import { assertNotElsewhere } from './supervisor-liveness.ts';

/** Loaded only where something is renamed: every task that runs loads this module. */
type Archives = typeof import('../archive/maintain/index.ts');
const loadArchives = (): Promise<Archives> => import('../archive/maintain/index.ts');

/**
 * Gives a sealed task another name. The seal binds the name, and so does the key in the archive:
 * both are made anew for it, the record is put there, and the old task is removed as any is; the
 * chain records both. A note beside the tasks says what is being renamed: after a crash recovery
 * completes what the chain has, and undoes what it has not. Throws `not-found`; `usage` where the
 * task is not sealed, is in use or the name is taken; `wrong-key`, `damaged`, `failed`.
 */
export async function renameTask(
  store: Store,
  task: TaskName,
  name: TaskName,
  findIdentities: () => Promise<readonly string[]>,
  say?: (words: string) => void,
): Promise<void> {
  const record = readRecord(taskPaths(store, task).record, task);
  assertRenamable(store, record);
  await untilReleased(store, task);
  using lock = takeLockOf(store, task);
  if (!lock) throw refused(task, 'is in use', `Wait for it: 'taskfs wait ${task}'.`);
  if (awaitedTasks(store).has(task)) {
    throw refused(task, 'is waited for by tasks that run after it', "'taskfs ps' lists them.");
  }
  assertNotCutShort(store, task);
  assertFree(store, name);
  const renamed = { ...record, task: name };
  const archives = await loadArchives();
  writeFileAtomic(taskPaths(store, task).renaming, name);
  try {
    using archive = await archives.renameArchive(store, task, renamed, await findIdentities());
    // Nobody else gets the name meanwhile.
    locked(store, () => {
      assertFree(store, name);
      archive.commit();
      publishRecord(store, renamed, task);
    });
  } catch (error) {
    if (!isBegun(archives, store, renamed)) forget(archives, store, task, name);
    throw error;
  }
  removeOld(store, task, lock);
  await anchorRenamed(store, name, say);
}

/** Throws `not-found` where the task has gone meanwhile: renamed by another process, or removed. */
function takeLockOf(store: Store, task: TaskName): Lock | undefined {
  const paths = taskPaths(store, task);
  try {
    return takeLock(paths.lock);
  } catch (error) {
    if (errnoOf(error) === errno.ENOENT) readRecord(paths.record, task);
    throw error;
  }
}

function assertFree(store: Store, name: TaskName): void {
  const { directory, staging, aside, archive } = taskPaths(store, name);
  if (![directory, staging, aside, archive].some(existsSync)) return;
  throw new TaskfsError('usage', `a task named ${name} exists already`, {
    hint: 'Choose another name.',
  });
}

/** The removal is noted first: from then on recovery ends that. */
function removeOld(store: Store, task: TaskName, lock: Lock): void {
  noteRemoval(store, task);
  rmSync(taskPaths(store, task).renaming, { force: true });
  lock.release();
  finishRemoval(store, task);
}

/** What a renaming left of which nothing is there under the new name. */
function forget(archives: Archives, store: Store, task: TaskName, name: TaskName): void {
  archives.dropRenamedArchive(store, name);
  rmSync(taskPaths(store, task).renaming, { force: true });
}

function assertRenamable(store: Store, record: TaskRecord): void {
  const { task, status, artifacts, plaintext = null, unremoved } = record;
  if (!isFinal(status)) {
    const hint = "'run --name' gives it a name; once it is sealed, it can be renamed.";
    throw refused(task, `is ${status}: its processes know it by its name`, hint);
  }
  assertNotElsewhere(store, record);
  if (artifacts !== 'sealed' || plaintext !== null || unremoved) {
    throw refused(task, 'is not sealed, or something of it is left', "First: 'taskfs recover'.");
  }
  if (listLeftEdits(store).some((edit) => edit.task === task)) {
    throw refused(task, 'has edits that were not written back', "'taskfs doctor' names them.");
  }
}

const refused = (task: TaskName, why: string, hint: string): TaskfsError =>
  new TaskfsError('usage', `task ${task} ${why}`, { hint });

/** Files of a task's directory that are not of its new name: made anew, or of a process alone. */
const OWN_FILES: ReadonlySet<string> = new Set([
  'task.json',
  'events.jsonl',
  'lock',
  'writers',
  'removing',
]);

/** Puts the record, its events and what lies beside it under the new name, as a whole. */
function publishRecord(store: Store, renamed: TaskRecord, old: TaskName): void {
  const from = taskPaths(store, old);
  const to = taskPaths(store, renamed.task);
  const draft = join(store.tasks, `${DRAFT}${process.pid}-${renamed.task}`);
  removeTree(AT.FDCWD, draft);
  mkdirSync(draft, { mode: 0o700 });
  for (const entry of readdirSync(from.directory, { withFileTypes: true })) {
    if (!entry.isFile() || OWN_FILES.has(entry.name)) continue;
    linkSync(join(from.directory, entry.name), join(draft, entry.name));
  }
  createRecord(join(draft, 'task.json'), renamed);
  copyEvents(from, join(draft, 'events.jsonl'), renamed.task, old);
  syncDirectory(draft);
  renameSync(draft, to.directory);
  syncDirectory(store.tasks);
}

function copyEvents({ events }: TaskPaths, path: string, task: TaskName, old: TaskName): void {
  for (const event of readEvents(events)) appendEvent(path, { ...event, task });
  appendEvent(path, { type: 'renamed', at: isoNow(), task, from: old });
}

/** A store with an anchor keeps the new seal there, too. */
async function anchorRenamed(
  store: Store,
  task: TaskName,
  say: ((words: string) => void) | undefined,
): Promise<void> {
  const { record: path, lock: lockPath } = taskPaths(store, task);
  using lock = takeLock(lockPath);
  if (!lock) return;
  const journal = openJournal({ store, task, record: readRecord(path, task), lock });
  await anchorSeal(store, journal, say);
}

/** What became of a task whose renaming was cut short: its new name, or why that is not done. */
export type FinishedRename =
  | { readonly task: TaskName; readonly name: TaskName }
  | { readonly task: TaskName; readonly error: string };

/** Ends the renaming of tasks that was cut short, but for those that somebody is at. */
export async function finishRenames(store: Store): Promise<FinishedRename[]> {
  const archives = await loadArchives();
  const tasks = readdirSync(store.tasks).flatMap((file) => NOTE.exec(file)?.[1] ?? []);
  return [...new Set(tasks)]
    .filter(isTaskName)
    .flatMap((task) => finishRename(archives, store, task) ?? []);
}

/** A note, or what is left of one that was not written whole. */
const NOTE = /^\.(.+)\.renaming(?:\.\d+\.tmp)?$/;

/** Undefined where the task keeps its name. */
function finishRename(
  archives: Archives,
  store: Store,
  task: TaskName,
): FinishedRename | undefined {
  const paths = taskPaths(store, task);
  const note = paths.renaming;
  if (!existsSync(paths.directory)) {
    rmSync(note, { force: true });
    return undefined;
  }
  using lock = takeLock(paths.lock);
  if (!lock) return undefined;
  removeTemporaries(note);
  if (!existsSync(note)) return undefined;
  const name = readFileSync(note, 'utf8');
  if (!isTaskName(name)) {
    rmSync(note, { force: true });
    return undefined;
  }
  try {
    const renamed = { ...readRecord(paths.record, task), task: name };
    if (!isBegun(archives, store, renamed)) {
      forget(archives, store, task, name);
      return undefined;
    }
    locked(store, () => {
      archives.placeRenamedArchive(store, name);
      if (!existsSync(taskPaths(store, name).directory)) publishRecord(store, renamed, task);
    });
    removeOld(store, task, lock);
    return { task, name };
  } catch (error) {
    return { task, error: messageOf(error) };
  }
}

function isBegun(archives: Archives, store: Store, renamed: TaskRecord): boolean {
  try {
    return archives.isRenameInChain(store, renamed);
  } catch (error) {
    // Another task's archive, damaged.
    if (error instanceof TaskfsError) return false;
    throw error;
  }
}
