import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { Errno, errnoWords, unlessMissing } from '../errno.ts';
import { messageOf, TaskfsError, unlessNotFound } from '../errors.ts';
import type { TaskName } from '../store/index.ts';
import {
  createInStaging,
  makeEditDirectory,
  parseArtifactPath,
  pinInStaging,
  readRecord,
  reopenForReading,
  type Store,
  showPath,
  takeLock,
  taskPaths,
} from '../store/index.ts';
import { AT, removeTree, reopen } from '../sys/index.ts';
import { copyContent, digestOf, replaceContent } from './file-content.ts';

/** What became of what an editor saved. */
export type Saved =
  | { readonly kind: 'unchanged' | 'written' }
  /** Not where it was meant to go: `where` names the file that holds it instead. */
  | { readonly kind: 'kept'; readonly where: string; readonly why: string };

/** A private copy of one file of a live task, for an editor. */
export interface EditCopy extends Disposable {
  /** Of the copy; its name ends like that of the file. */
  readonly path: string;
  /** Whether the task still takes what is saved. */
  isLive(): boolean;
  /**
   * Puts what was saved in the copy into the task's file, unless `reason` says why not. May be
   * called again; once something was put beside the file, what is saved later goes there too.
   */
  save(reason?: string): Saved;
}

/**
 * Copies a file of a live task into a directory of its own, 0700, in the store. Nothing that the
 * task does meanwhile reaches the editor, and nothing that the editor does reaches past the task's
 * files: `save` writes through a descriptor of the very file that was copied, and only if the task
 * left it as it was. A missing file is created by saving. Disposing removes the copy, unless
 * nothing else holds what was saved. Throws `usage` where the task has ended, or the path leads
 * out or to no file.
 */
export function openEditCopy(store: Store, task: TaskName, path: Buffer): EditCopy {
  assertLive(store, task, path);
  const file = pinFile(store, task, path);
  if (file === undefined) assertDirectory(store, task, path);
  const { path: directory, lock } = makeEditDirectory(store, task);
  // An editor's argument must be text, whatever the bytes of the name.
  const copy = join(directory, basename(path.toString()).replaceAll('\uFFFD', '_'));
  const before = file === undefined ? undefined : copyOut(file, copy);
  let edit: Edit = { store, task, path, file, before, copy };
  let isNeeded = false;
  return {
    path: copy,
    isLive: () => isLive(edit),
    save: (reason) => {
      const { saved, next } = save(edit, reason);
      edit = next;
      isNeeded = saved.kind === 'kept' && saved.where === copy;
      return saved;
    },
    [Symbol.dispose]: () => {
      if (edit.file !== undefined) closeSync(edit.file);
      if (!isNeeded) removeTree(AT.FDCWD, directory);
      lock.release();
    },
  };
}

/** One file being edited. */
interface Edit {
  readonly store: Store;
  readonly task: TaskName;
  /** In the task's files. */
  readonly path: Buffer;
  /**
   * An O_PATH descriptor of what was copied, and the digest of its content; undefined for a new
   * file.
   */
  readonly file: number | undefined;
  readonly before: string | undefined;
  readonly copy: string;
}

function assertLive(store: Store, task: TaskName, path: Buffer): void {
  if (parseArtifactPath(task, path).length === 0) {
    throw new TaskfsError('usage', `task ${task}: a directory cannot be edited`, {
      hint: `'taskfs ls ${task}' lists its files.`,
    });
  }
  const { artifacts } = readRecord(taskPaths(store, task).record, task);
  if (artifacts === 'live') return;
  const state = artifacts === 'sealed' ? 'is sealed' : 'has ended';
  throw new TaskfsError('usage', `task ${task} ${state}: its files do not change any more`, {
    hint: `'taskfs export ${task} DIR' makes a copy that you can change.`,
  });
}

/** Undefined where there is no such file yet. */
function pinFile(store: Store, task: TaskName, path: Buffer): number | undefined {
  const pinned = unlessNotFound(() => pinInStaging(store, task, path));
  if (pinned === undefined || fstatSync(pinned).isFile()) return pinned;
  closeSync(pinned);
  throw new TaskfsError('usage', `'${showPath(path)}' of task ${task} is not a file`, {
    hint: `'taskfs ls -l ${task}' shows what it is.`,
  });
}

/** A new file needs a directory that is there. Throws as `pinInStaging`. */
function assertDirectory(store: Store, task: TaskName, path: Buffer): void {
  closeSync(pinInStaging(store, task, Buffer.from(dirname(path.toString('latin1')), 'latin1')));
}

/** Returns the digest of what was copied. */
function copyOut(file: number, path: string): string {
  const from = reopenForReading(file);
  const to = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600);
  try {
    copyContent(from, to);
    return digestOf(to);
  } finally {
    closeSync(to);
    closeSync(from);
  }
}

/** What became of a save, and what the next one begins with. */
interface Step {
  readonly saved: Saved;
  readonly next: Edit;
}

/**
 * Under the lock that mounts hold while they change something: sealing waits for it, or has begun.
 */
function save(edit: Edit, reason: string | undefined): Step {
  const from = openCopy(edit.copy);
  const leave = (saved: Saved): Step => ({ saved, next: edit });
  if (from === undefined) return leave({ kind: 'unchanged' });
  const kept = (why: string): Step => leave({ kind: 'kept', where: edit.copy, why });
  try {
    const digest = digestOf(from);
    if (digest === edit.before) return leave({ kind: 'unchanged' });
    if (reason !== undefined) return kept(reason);
    using lock = takeLock(taskPaths(edit.store, edit.task).writers, 'shared');
    if (!lock || !isLive(edit)) return kept(`task ${edit.task} ended meanwhile`);
    const { saved, path } = write(edit, from);
    return { saved, next: continued({ ...edit, path, before: digest }) };
  } catch (error) {
    return kept(wordsOf(error));
  } finally {
    closeSync(from);
  }
}

/** The edit of the file that now is at its path. */
function continued(edit: Edit): Edit {
  const file = pinAgain(edit);
  if (edit.file !== undefined) closeSync(edit.file);
  return { ...edit, file };
}

/** Undefined where the task has put something else there: the next save says so. */
function pinAgain({ store, task, path }: Edit): number | undefined {
  try {
    return pinFile(store, task, path);
  } catch {
    return undefined;
  }
}

const wordsOf = (error: unknown): string =>
  error instanceof Errno ? errnoWords(error.errno) : messageOf(error);

/** False also where the task was removed. */
const isLive = ({ store, task }: Edit): boolean =>
  unlessNotFound(() => readRecord(taskPaths(store, task).record, task).artifacts) === 'live';

/** The editor may have replaced the copy by another file, or removed it. */
function openCopy(path: string): number | undefined {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  return unlessMissing(() => openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
}

/** Where something was put, in the task's files, and what that means. */
interface Written {
  readonly path: Buffer;
  readonly saved: Saved;
}

function write(edit: Edit, from: number): Written {
  const { store, task, path, file } = edit;
  const now = pinFile(store, task, path);
  try {
    if (now === undefined && file === undefined) {
      replaceContent(from, createInStaging(store, task, path, 0o666));
    } else if (isAsCopied(edit, now)) {
      replaceContent(from, reopen(now, constants.O_WRONLY | constants.O_NONBLOCK));
    } else return writeBeside(edit, from);
    return { path, saved: { kind: 'written' } };
  } finally {
    if (now !== undefined) closeSync(now);
  }
}

/**
 * Whether what is at the path now is the file that was copied, with the content that was copied.
 */
function isAsCopied({ file, before }: Edit, now: number | undefined): now is number {
  if (file === undefined || now === undefined) return false;
  const [one, other] = [file, now].map((fd) => fstatSync(fd, { bigint: true }));
  if (one?.ino !== other?.ino || one?.dev !== other?.dev) return false;
  const fd = reopenForReading(now);
  try {
    return digestOf(fd) === before;
  } finally {
    closeSync(fd);
  }
}

/** Names beside a file that are tried, before what was saved stays where it is. */
const NAMES_BESIDE = 100;
const NAME_MAX = 255;

function writeBeside({ store, task, path }: Edit, from: number): Written {
  const parsed = parseArtifactPath(task, path).toString('latin1');
  for (let count = 1; ; count++) {
    const ending = count === 1 ? '.edited' : `.edited-${count}`;
    const name = basename(parsed).slice(0, NAME_MAX - ending.length) + ending;
    const beside = Buffer.from(join(dirname(parsed), name), 'latin1');
    try {
      replaceContent(from, createInStaging(store, task, beside, 0o600));
      const where = `${showPath(beside)} of task ${task}`;
      const saved = { kind: 'kept', where, why: 'the task changed it meanwhile' } as const;
      return { path: beside, saved };
    } catch (error) {
      const isTaken = (error as NodeJS.ErrnoException).code === 'EEXIST';
      if (!isTaken || count === NAMES_BESIDE) throw error;
    }
  }
}
