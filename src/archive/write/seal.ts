import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Errno, errno, errnoWords } from '../../errno.ts';
import { messageOf, TaskfsError } from '../../errors.ts';
import type { TaskName } from '../../store/index.ts';
import {
  findStaging,
  isFinal,
  putBack,
  readRecord,
  type Store,
  setAside,
  type TaskRecord,
  taskPaths,
  trySetAside,
} from '../../store/index.ts';
import { AT, MountedBeneath, monotonicMs, NotRemovable, removeTree } from '../../sys/index.ts';
import { lastLineOf } from '../chain.ts';
import { Unsealable } from '../limits.ts';
import { partialPath } from '../paths.ts';
import {
  type TarProgress,
  type WriteOptions,
  type WrittenFiles,
  writeArchive,
} from './archive-writer.ts';
import { commit } from './commit.ts';
import { TreeChanged } from './directory-cursor.ts';
import { clockOf, findChangeSince } from './late-changes.ts';
import { leftOutOf } from './left-out.ts';
import { assertStored } from './stored.ts';
import type { LeftOut, OwnLink, Skipped } from './tar-layout.ts';
import { logChmods, removeChmodLog, restoreModes } from './temporary-chmod.ts';
import type { LeftOutAs } from './walk.ts';

/** How far sealing is; bytes of the tar, half of each for writing and half for reading back. */
export interface SealProgress {
  readonly bytes: number;
  readonly totalBytes: number;
  readonly files: number;
}

export interface SealOptions {
  readonly onProgress?: (progress: SealProgress) => void;
  /** For how long, in milliseconds, sealing is retried while somebody writes to the files. */
  readonly patienceMs?: number;
  /** Whether files may be open for writing: by programs that can write no more. */
  readonly mayBeOpen?: boolean;
  /**
   * Whether staging keeps its name until the archive is committed, unless something changes there
   * again and again.
   */
  readonly keepsName?: boolean;
}

export interface SealResult {
  /** The digest of the tree as it was sealed, where this process did that; for the removal. */
  readonly tree: string | undefined;
  /** Bytes of the tar. */
  readonly bytes: number;
  readonly files: number;
  /** Sockets, pipes and devices: recorded, not held. The first of them, and how many. */
  readonly skipped: readonly Skipped[];
  readonly skippedCount: number;
  /** What is in no part of the archive, such as files of editors: the first, and how many. */
  readonly leftOut: readonly LeftOut[];
  readonly leftOutCount: Readonly<Record<LeftOutAs, number>>;
  /** The first of the links that lead nowhere now. */
  readonly ownLinks: readonly OwnLink[];
}

/** Attempts, at least, on a tree that keeps changing, before sealing fails. */
const ATTEMPTS = 3;
/** With so many behind it, a tree that may keep its name loses it. */
const ATTEMPTS_WITH_NAME = ATTEMPTS - 1;
/** Between them, at least; in milliseconds. */
const PAUSE_MS = 50;

/**
 * Seals a task that has ended: everything in staging, never what a symlink points at, and the log;
 * encrypted, made durable, read back, compared and signed in `archive/.<task>.partial`, then
 * renamed: that is the commit. Staging and log are left as they are, but staging has another name
 * once it is sealed. What changes while it is read is sealed again. An archive that is there is
 * read, and left as it is; what an attempt cut short left behind is discarded. Only for the holder
 * of the task's lock. Throws `usage` where the task has not ended, `damaged` where the archive that
 * is there is not whole, `failed` with the reason.
 */
export async function sealTask(
  store: Store,
  task: TaskName,
  options: SealOptions = {},
): Promise<SealResult> {
  const paths = taskPaths(store, task);
  const partial = partialPath(store, task);
  if (existsSync(paths.archive)) return await alreadySealed(store, task);
  const record = readRecord(paths.record, task);
  if (!isFinal(record.status)) {
    throw new TaskfsError('usage', `task ${task} is ${record.status}: it is sealed when it ends`);
  }
  assertNotSealedBefore(store, task);
  try {
    const chmodLog = join(paths.directory, 'lent-modes');
    const { mayBeOpen = false, keepsName = false } = options;
    const top = keepsName && !existsSync(paths.aside) ? paths.staging : setAside(store, task);
    restoreModes(chmodLog, top);
    const onChmod = logChmods(chmodLog);
    const ownPaths = ownPathsOf(record, paths.staging);
    const onProgress = progressOf(options);
    const how = { top, ownPaths, mayBeOpen, onChmod, onProgress };
    const made = await writeUntilStable(store, record, partial, how, options);
    await commit(store, record, partial, made);
    // The archive is committed: nothing of it may be discarded any more. The removal tries again.
    if (keepsName) trySetAside(store, task);
    removeChmodLog(chmodLog);
    const { tree, bytes, files, skipped, skippedCount, leftOut, leftOutCount, ownLinks } = made;
    return { tree, bytes, files, skipped, skippedCount, leftOut, leftOutCount, ownLinks };
  } catch (error) {
    discard(partial);
    putBack(store, task);
    throw explain(task, error);
  }
}

/**
 * Refuses to seal an empty tree in place of files that were sealed already, as where the archive is
 * on a disk that is not mounted, or the record is an older one from a backup.
 */
function assertNotSealedBefore(store: Store, task: TaskName): void {
  const paths = taskPaths(store, task);
  if (findStaging(paths) !== undefined || lastLineOf(store, task)?.type !== 'sealed') return;
  const { archive, staging } = paths;
  const remedy = `put its archive ${archive} back, or, where that is lost, make ${staging}`;
  throw new TaskfsError('failed', `task ${task} was sealed before: ${remedy}`);
}

/** The process that committed it died before it could say so. */
async function alreadySealed(store: Store, task: TaskName): Promise<SealResult> {
  const { bytes, fileCount, skippedCount, leftOutCount = 0 } = await assertStored(store, task);
  const unknown = { tree: undefined, skipped: [], leftOut: [], ownLinks: [] };
  const counts = { skippedCount, leftOutCount: { editor: 0, unselected: leftOutCount } };
  return { bytes, files: fileCount, ...counts, ...unknown };
}

/** In a container the files have another path than on this machine. */
function ownPathsOf({ options: { artifactsAt } }: TaskRecord, staging: string): string[] {
  return typeof artifactsAt === 'string' ? [staging, artifactsAt] : [staging];
}

/**
 * A tree that changed while it was read is sealed again, from the start. Whoever comes by its name
 * does not find it from then on; where it is to keep its name, once it has changed repeatedly.
 */
async function writeUntilStable(
  store: Store,
  record: TaskRecord,
  partial: string,
  how: Omit<WriteOptions, 'leaveOut'>,
  { patienceMs = 0, keepsName = false }: SealOptions,
): Promise<WrittenFiles> {
  const { onChmod } = how;
  let { top } = how;
  const start = monotonicMs();
  for (let attempt = 1; ; attempt++) {
    const begin = monotonicMs();
    removeTree(AT.FDCWD, partial);
    // Before it is made: the time of that is when changes begin to be late ones (late-changes.ts).
    const sinceNs = clockOf(store.staging);
    mkdirSync(partial, { mode: 0o700 });
    try {
      const leaveOut = leftOutOf(record, top, onChmod);
      const made = await writeArchive(store, record.task, partial, { ...how, top, leaveOut });
      // What has come meanwhile may be of the part that is sealed.
      const since = { sinceNs, nowNs: clockOf(store.staging), tree: made.tree };
      const change = findChangeSince(top, since, onChmod, leftOutOf(record, top, onChmod));
      if (!change) return made;
      throw new TreeChanged(change);
    } catch (error) {
      if (!(error instanceof TreeChanged)) throw error;
      if (!keepsName || attempt >= ATTEMPTS_WITH_NAME) top = setAside(store, record.task);
      const now = monotonicMs();
      if (attempt >= ATTEMPTS && now - start >= patienceMs) throw unsettled(error);
      await sleep(Math.max(PAUSE_MS, now - begin));
    }
  }
}

/** Whether sealing failed because somebody keeps changing the files. */
export const isUnsettled = (error: unknown): boolean =>
  error instanceof TaskfsError && error.cause instanceof TreeChanged;

function unsettled(cause: TreeChanged): TaskfsError {
  const { path, errno: number } = cause;
  const how = number === errno.ETXTBSY ? 'open for writing' : 'being changed';
  return new TaskfsError('failed', `'${path}' is still ${how}, and a write would be lost`, {
    hint: "'taskfs recover' tries again.",
    cause,
  });
}

/** Frees the disk space of a failed attempt, if that is possible. */
function discard(partial: string): void {
  try {
    removeTree(AT.FDCWD, partial);
  } catch (error) {
    if (!(error instanceof NotRemovable || error instanceof MountedBeneath)) throw error;
  }
}

function explain(task: TaskName, error: unknown): unknown {
  if (error instanceof TaskfsError) return error;
  if (error instanceof MountedBeneath) return mountedOver(task, error);
  if (error instanceof Unsealable) return unsealable(task, error);
  const why = error instanceof Errno ? errnoWords(error.errno) : messageOf(error);
  return new TaskfsError('failed', `sealing task ${task} failed: ${why}`, {
    hint: "Its files are untouched in staging; 'taskfs recover' tries again.",
    cause: error,
  });
}

/** What is mounted in staging is not the task's: it is neither sealed nor removed. */
const mountedOver = (task: TaskName, cause: MountedBeneath): TaskfsError =>
  new TaskfsError('failed', `${cause.message}, which is not task ${task}'s to be sealed`, {
    hint: "Unmount it, then 'taskfs recover' seals the task.",
    cause,
  });

/** Bytes shown of each end of a path: it may be a megabyte long. */
const SHOWN = 100;

function unsealable(task: TaskName, { path, message }: Unsealable): TaskfsError {
  const ends = [path.subarray(0, SHOWN), path.subarray(-SHOWN)];
  const shown = JSON.stringify(path.length > 2 * SHOWN ? ends.join('…') : path.toString());
  return new TaskfsError('failed', `task ${task} cannot be archived: ${shown} ${message}`, {
    hint:
      "Its files are untouched in staging: change that one; then 'taskfs recover' seals " +
      'the task.',
  });
}

const PROGRESS_INTERVAL_MS = 100;

/** Reports progress ten times a second at most. */
function progressOf({ onProgress }: SealOptions): (passes: TarProgress) => void {
  if (!onProgress) return () => {};
  let last = 0;
  return ({ written, checked, total, files }) => {
    const now = monotonicMs();
    if (now - last < PROGRESS_INTERVAL_MS) return;
    last = now;
    onProgress({ bytes: Math.floor((written + checked) / 2), totalBytes: total, files });
  };
}
