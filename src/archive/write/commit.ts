import { existsSync, lstatSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { TaskfsError } from '../../errors.ts';
import { syncDirectory, writeNewFile } from '../../files/index.ts';
import type { TaskName } from '../../store/index.ts';
import {
  loadRecipients,
  loadSigningKey,
  readRecord,
  type Store,
  setAside,
  type TaskRecord,
  taskPaths,
} from '../../store/index.ts';
import { AT, isoNow, removeTree, statAt } from '../../sys/index.ts';
import { appendToChain } from '../chain.ts';
import { isOfRecord, readGenuineSeal } from '../genuine-seal.ts';
import { wrapTaskKey } from '../key-file.ts';
import { KEY_FILE, SEAL_FILE } from '../paths.ts';
import {
  digestRecord,
  type Seal,
  type SealBody,
  serialiseSeal,
  sha256,
  signed,
  signerOf,
} from '../seal-record.ts';
import type { WrittenFiles } from './archive-writer.ts';
import { findLateChange, type LateChange, type LateChangeOptions } from './late-changes.ts';
import { leftOutOf } from './left-out.ts';

/**
 * seal.json, its line in the chain, and the rename. Recipients that changed while the archive was
 * written get its key first, for nobody who changes keys finds it before it is there.
 */
export async function commit(
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

/**
 * Whether the recipients are those that it was sealed for: they change only under the chain's
 * lock.
 */
function tryCommit(store: Store, record: TaskRecord, partial: string, made: WrittenFiles): boolean {
  const key = loadSigningKey(store);
  const { task } = record;
  const sealedAt = isoNow();
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
  { recipient, bytes, files, skippedCount, leftOutCount, seals }: WrittenFiles,
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
    ...(leftOutCount.unselected > 0 && { leftOutCount: leftOutCount.unselected }),
    files: seals,
    previous,
  };
}

/**
 * The seal of the archive that stands for a task's plaintext from now on: what only looks like
 * this run's archive must not. Throws as `readGenuineSeal`.
 */
export function committedSeal(store: Store, task: TaskName): Seal {
  const seal = readGenuineSeal(store, task);
  if (isOfRecord(store, seal)) return seal;
  throw new TaskfsError('damaged', `the archive of ${task} is of another run than its record`, {
    hint: `Put back the record of that run, or move ${taskPaths(store, task).archive} away.`,
  });
}

/**
 * Removes a sealed task's staging directory and log. Throws `failed` where the archive is not
 * committed, or a file may hold what it does not, `damaged` where the archive is not the one of
 * this run: nothing is removed then. MountedBeneath, NotRemovable, Errno. `tree`: the digest of
 * the tree as it was sealed, if this process did that.
 */
export function removePlaintext(store: Store, task: TaskName, tree?: string): void {
  const paths = taskPaths(store, task);
  const { archive, staging, aside, log, directory } = paths;
  if (!existsSync(join(archive, SEAL_FILE))) {
    throw new TaskfsError('failed', `task ${task} is not sealed: its files are not removed`);
  }
  const seal = committedSeal(store, task);
  const sinceNs = beginOfSeal(archive, seal);
  if (!existsSync(aside)) setAside(store, task);
  const record = readRecord(paths.record, task);
  // The log goes first: where there is one, nothing else was removed.
  const isWhole = existsSync(log);
  const { fileCount } = seal;
  const since = { sinceNs, isWhole, fileCount };
  refuseLateChanges(record, aside, { ...since, tree });
  refuseLateChanges(record, staging, { ...since, tree: undefined });
  removeTree(AT.FDCWD, log);
  if (existsSync(directory)) syncDirectory(directory);
  for (const top of [aside, staging]) removeTree(AT.FDCWD, top);
  syncDirectory(store.staging);
}

/**
 * When an archive began to be written, in nanoseconds by the clock that file systems stamp with.
 * Where they do not keep that, when it was sealed: that clock ticks every few milliseconds, so what
 * is written just after `sealedAt` may bear an earlier time.
 */
function beginOfSeal(archive: string, { sealedAt }: Seal): bigint {
  const { mtimeNs } = statSync(join(archive, SEAL_FILE), { bigint: true });
  const claimedNs = BigInt(Date.parse(sealedAt)) * 1_000_000n;
  const sealedNs = mtimeNs < claimedNs ? mtimeNs : claimedNs;
  const { btimeNs } = statAt(AT.FDCWD, archive);
  return btimeNs > 0n && btimeNs < sealedNs ? btimeNs : sealedNs;
}

/** In the sealed tree, or one that somebody made in its place: late files are in no archive. */
function refuseLateChanges(
  record: TaskRecord,
  top: string,
  since: Pick<LateChangeOptions, 'sinceNs' | 'isWhole' | 'fileCount' | 'tree'>,
): void {
  if (!lstatSync(top, { throwIfNoEntry: false })?.isDirectory()) return;
  const { task, frozenAt } = record;
  const late = findLateChange(top, {
    ...since,
    mayBeOpen: frozenAt !== undefined,
    leaveOut: leftOutOf(record, top, () => {}),
  });
  if (!late) return;
  const { path, why } = late;
  throw new TaskfsError('failed', `'${path}' of task ${task} ${WHY[why]}: it stays in ${top}`, {
    hint: "Move away what you need of it and remove the file; 'taskfs recover' removes the rest.",
  });
}

const WHY: Readonly<Record<LateChange['why'], string>> = {
  changed: 'was written after it was sealed',
  'open for writing': 'is still open for writing',
  'one more': 'is one more than the archive holds',
};
