import { existsSync, lstatSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Errno, errno, errnoWords } from '../../errno.ts';
import { messageOf, TaskfsError } from '../../errors.ts';
import { syncDirectory, writeNewFile } from '../../files/index.ts';
import type { TaskName } from '../../store/index.ts';
import {
  isFinal,
  loadRecipients,
  loadSigningKey,
  putBack,
  readRecord,
  type Store,
  setAside,
  type TaskRecord,
  taskPaths,
} from '../../store/index.ts';
import { AT, MountedBeneath, NotRemovable, removeTree } from '../../sys/index.ts';
import { appendToChain } from '../chain.ts';
import { isOfRecord, readGenuineSeal } from '../genuine-seal.ts';
import { wrapTaskKey } from '../key-file.ts';
import { Unsealable } from '../limits.ts';
import { KEY_FILE, partialPath, SEAL_FILE } from '../paths.ts';
import {
  digestRecord,
  type Seal,
  type SealBody,
  serialiseSeal,
  sha256,
  signed,
  signerOf,
} from '../seal-record.ts';
import {
  type TarProgress,
  type WriteOptions,
  type WrittenFiles,
  writeArchive,
} from './archive-writer.ts';
import { TreeChanged } from './directory-cursor.ts';
import { clockOf, findChangeSince, findWriteSince } from './late-changes.ts';
import type { OwnLink, Skipped } from './tar-layout.ts';
import { logChmods, removeChmodLog, restoreModes } from './temporary-chmod.ts';

/** How far sealing has come; bytes are those of the tar, half of each for writing and half for reading back. */
export interface SealProgress {
  readonly bytes: number;
  readonly totalBytes: number;
  readonly files: number;
}

export interface SealOptions {
  readonly onProgress?: (progress: SealProgress) => void;
  /** For how long, in milliseconds, files that somebody goes on writing are tried again. */
  readonly patienceMs?: number;
  /** Whether files may be open for writing: by programs that can write no more. */
  readonly mayBeOpen?: boolean;
}

export interface SealResult {
  /** Bytes of the tar. */
  readonly bytes: number;
  readonly files: number;
  /** Sockets, pipes and devices, which an archive records but does not hold: the first of them, and how many. */
  readonly skipped: readonly Skipped[];
  readonly skippedCount: number;
  /** Links that lead nowhere now; the first of them. */
  readonly ownLinks: readonly OwnLink[];
}

/** Walks over a tree that changes under them, at least, before that is given up. */
const ATTEMPTS = 3;
/** At least so long (milliseconds) from one to the next. */
const PAUSE_MS = 50;

/**
 * Seals a task that has ended: everything in staging, never what a symlink points at, and the log;
 * encrypted, made durable, read back, compared and signed in `archive/.<task>.partial`, then renamed:
 * that is the commit. Staging and log are left as they are, but staging has another name from the
 * beginning of a seal that succeeds. What changes while it is read is sealed again. An archive that
 * is there is left as it is; what an attempt cut short left behind is discarded. Only for the holder
 * of the task's lock. Throws `usage` where the task has not ended, `failed` with the reason.
 */
export async function sealTask(
  store: Store,
  task: TaskName,
  options: SealOptions = {},
): Promise<SealResult> {
  const paths = taskPaths(store, task);
  const partial = partialPath(store, task);
  if (existsSync(paths.archive)) return alreadySealed(store, task);
  const record = readRecord(paths.record, task);
  if (!isFinal(record.status)) {
    throw new TaskfsError('usage', `task ${task} is ${record.status}: it is sealed when it ends`);
  }
  try {
    const loans = join(paths.directory, 'lent-modes');
    const top = setAside(store, task);
    restoreModes(loans, top);
    const { mayBeOpen = false } = options;
    const onChmod = logChmods(loans);
    const ownPaths = ownPathsOf(record, paths.staging);
    const how = { top, ownPaths, mayBeOpen, onChmod, onProgress: progressOf(options) };
    const made = await writeUntilStable(store, task, partial, how, options.patienceMs ?? 0);
    await commit(store, record, partial, made);
    removeChmodLog(loans);
    const { bytes, files, skipped, skippedCount, ownLinks } = made;
    return { bytes, files, skipped, skippedCount, ownLinks };
  } catch (error) {
    discard(partial);
    putBack(store, task);
    throw explain(task, error);
  }
}

/** It was committed, and its process died. */
function alreadySealed(store: Store, task: TaskName): SealResult {
  const { bytes, fileCount, skippedCount } = committedSeal(store, task);
  return { bytes, files: fileCount, skipped: [], skippedCount, ownLinks: [] };
}

/** A container knows its files by another path than this machine. */
function ownPathsOf({ options: { artifactsAt } }: TaskRecord, staging: string): string[] {
  return typeof artifactsAt === 'string' ? [staging, artifactsAt] : [staging];
}

/**
 * The seal of the archive that stands for a task's plaintext from now on: what only looks like this
 * run's archive must not. Throws as `readGenuineSeal`.
 */
function committedSeal(store: Store, task: TaskName): Seal {
  const seal = readGenuineSeal(store, task);
  if (isOfRecord(store, seal)) return seal;
  throw new TaskfsError('damaged', `the archive of ${task} is of another run than its record`, {
    hint: `Move ${taskPaths(store, task).archive} away; then 'taskfs recover' goes on.`,
  });
}

/** A tree that changed under the walk is sealed again, from its beginning. */
async function writeUntilStable(
  store: Store,
  task: TaskName,
  partial: string,
  how: WriteOptions,
  patienceMs: number,
): Promise<WrittenFiles> {
  const start = performance.now();
  for (let attempt = 1; ; attempt++) {
    const begin = performance.now();
    removeTree(AT.FDCWD, partial);
    mkdirSync(partial, { mode: 0o700 });
    try {
      const sinceNs = clockOf(store.staging);
      const made = await writeArchive(store, task, partial, how);
      const change = findChangeSince(how.top, sinceNs, how.onChmod);
      if (!change) return made;
      throw new TreeChanged(change);
    } catch (error) {
      if (!(error instanceof TreeChanged)) throw error;
      const now = performance.now();
      if (attempt >= ATTEMPTS && now - start >= patienceMs) throw unsettled(error);
      await sleep(Math.max(PAUSE_MS, now - begin));
    }
  }
}

/** Whether a seal failed because somebody goes on changing the files. */
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

/**
 * The line in the chain, seal.json and the rename. Recipients that changed while the archive was
 * written get its key first, for nobody who changes keys finds it before it is there.
 */
async function commit(
  store: Store,
  record: TaskRecord,
  partial: string,
  made: WrittenFiles,
): Promise<void> {
  let { sealedFor } = made;
  while (!tryCommit(store, record, partial, { ...made, sealedFor })) {
    sealedFor = loadRecipients(store);
    rmSync(join(partial, KEY_FILE));
    const key = await wrapTaskKey(record.task, made.identity, sealedFor);
    writeNewFile(join(partial, KEY_FILE), key);
  }
}

/** Whether the recipients are those that it was sealed for: they change only under the chain's lock. */
function tryCommit(store: Store, record: TaskRecord, partial: string, made: WrittenFiles): boolean {
  const key = loadSigningKey(store);
  const { task } = record;
  const sealedAt = new Date().toISOString();
  const isFor = (recipients: readonly string[]): boolean =>
    recipients.join() === made.sealedFor.join();
  return appendToChain(
    store,
    key,
    (previous) => {
      if (!isFor(loadRecipients(store))) return undefined;
      const body = { ...bodyOf(record, made, sealedAt, previous), signer: signerOf(key) };
      const text = serialiseSeal(signed(body, key));
      writeNewFile(join(partial, SEAL_FILE), text);
      syncDirectory(partial);
      return { type: 'sealed', task, seal: sha256(text), at: sealedAt };
    },
    () => {
      renameSync(partial, taskPaths(store, task).archive);
      syncDirectory(store.archive);
    },
  );
}

function bodyOf(
  record: TaskRecord,
  { recipient, bytes, files, skippedCount, seals }: WrittenFiles,
  sealedAt: string,
  previous: string | null,
): Omit<SealBody, 'signer'> {
  return {
    format: 1,
    task: record.task,
    status: record.status,
    sealedAt,
    recipient,
    recordSha256: digestRecord(record),
    bytes,
    fileCount: files,
    skippedCount,
    files: seals,
    previous,
  };
}

/** It could not be sealed: the room that the attempt took is given back, if that is possible. */
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

/** What is mounted in staging is not the task's: neither is it sealed, nor may it be removed with the rest. */
const mountedOver = (task: TaskName, cause: MountedBeneath): TaskfsError =>
  new TaskfsError('failed', `${cause.message}, which is not task ${task}'s to be sealed`, {
    hint: "Unmount it, then 'taskfs recover' seals the task.",
    cause,
  });

/** Bytes of each end of a path that are told: it may be a megabyte long. */
const SHOWN = 100;

function unsealable(task: TaskName, { path, message }: Unsealable): TaskfsError {
  const ends = [path.subarray(0, SHOWN), path.subarray(-SHOWN)];
  const shown = JSON.stringify(path.length > 2 * SHOWN ? ends.join('…') : path.toString());
  return new TaskfsError('failed', `task ${task} holds what no archive can: ${shown} ${message}`, {
    hint: "Its files are untouched in staging: change that one; then 'taskfs recover' seals the task.",
  });
}

const PROGRESS_INTERVAL_MS = 100;

/** Nobody who asks for progress needs it more often than ten times a second. */
function progressOf({ onProgress }: SealOptions): (passes: TarProgress) => void {
  if (!onProgress) return () => {};
  let last = 0;
  return ({ written, checked, total, files }) => {
    const now = performance.now();
    if (now - last < PROGRESS_INTERVAL_MS) return;
    last = now;
    onProgress({ bytes: Math.floor((written + checked) / 2), totalBytes: total, files });
  };
}

/**
 * Removes a sealed task's staging directory and log. Throws `failed` where the archive is not
 * committed, or somebody wrote to a file after it was read, `damaged` where the archive is not the
 * one of this run: nothing is removed then. MountedBeneath, NotRemovable.
 */
export function removePlaintext(store: Store, task: TaskName): void {
  const { archive, staging, aside, log, directory } = taskPaths(store, task);
  if (!existsSync(join(archive, SEAL_FILE))) {
    throw new TaskfsError('failed', `task ${task} is not sealed: its files are not removed`);
  }
  const { sealedAt } = committedSeal(store, task);
  for (const top of [aside, staging]) refuseLateWrites(task, top, Date.parse(sealedAt));
  for (const top of [aside, staging, log]) removeTree(AT.FDCWD, top);
  syncDirectory(store.staging);
  if (existsSync(directory)) syncDirectory(directory);
}

/** A tree that was sealed, or one that somebody made in its old place: late files are in no archive. */
function refuseLateWrites(task: TaskName, top: string, sealedMs: number): void {
  if (!lstatSync(top, { throwIfNoEntry: false })?.isDirectory()) return;
  const path = findWriteSince(top, BigInt(sealedMs) * 1_000_000n);
  if (!path) return;
  const message = `'${path}' of task ${task} was written after it was sealed: it stays in ${top}`;
  throw new TaskfsError('failed', message, {
    hint: "Move away what you need of it and remove the file; 'taskfs recover' removes the rest.",
  });
}
