import type { KeyObject } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { TaskfsError } from '../errors.ts';
import type { TaskName } from '../store/index.ts';
import { loadVerifyingKey, readRecord, type Store, taskPaths } from '../store/index.ts';
import { lastLineOf } from './chain.ts';
import { type Finding, finding } from './finding.ts';
import { reindexedPath, SEAL_FILE } from './paths.ts';
import {
  digestRecord,
  isSigned,
  parseSeal,
  readSealText,
  type Seal,
  sha256,
  signerOf,
} from './seal-record.ts';

/** Why a seal is not one that this store's key signed for the task; undefined where it is. */
export function sealFault(task: TaskName, seal: Seal, key: KeyObject): Finding | undefined {
  const at = { file: SEAL_FILE };
  if (seal.signer !== signerOf(key)) {
    return finding(task, 'not-ours', `the archive of ${task} was sealed by another store`, at);
  }
  if (!isSigned(seal, key)) {
    const message = `seal.json of task ${task} was changed: its signature is wrong`;
    return finding(task, 'damaged', message, at);
  }
  if (seal.task === task) return undefined;
  return finding(task, 'replaced', `the archive of ${task} is that of task ${seal.task}`, at);
}

/**
 * The seal of a task's archive, for whoever is about to show what is in there. Age does not say
 * who encrypted: only this signature tells an archive of ours from one that somebody put in its
 * place. Throws `damaged` where the seal is missing, not this store's, another task's or an older
 * one of the same name; `failed` where the key to check it with is missing, or others may write
 * it.
 */
export function readGenuineSeal(store: Store, task: TaskName): Seal {
  const { archive } = taskPaths(store, task);
  const text = readSealText(archive);
  const seal = parseSeal(text, join(archive, SEAL_FILE));
  const fault = sealFault(task, seal, loadVerifyingKey(store));
  if (fault) throw refusal(task, fault.message);
  if (isOfRecord(store, seal) || isLast(store, task, text)) return seal;
  throw refusal(task, `the archive of ${task} is not the one that was sealed last`);
}

/**
 * Whether a seal is that of the record which is in the store. Most are; where one is not, either
 * the record was changed or an archive of an older task of that name was put back.
 */
export function isOfRecord(store: Store, { task, recordSha256 }: Seal): boolean {
  try {
    return digestRecord(readRecord(taskPaths(store, task).record, task)) === recordSha256;
  } catch (error) {
    if (error instanceof TaskfsError) return false;
    throw error;
  }
}

/** Whether the chain records a new index that is not in its place yet. */
export function isReindexPending(store: Store, task: TaskName): boolean {
  const directory = reindexedPath(store, task);
  if (!existsSync(join(directory, SEAL_FILE))) return false;
  return lastLineOf(store, task)?.seal === sha256(readSealText(directory));
}

/**
 * Whether the chain has nothing later on the task. It may be long: only read where it has to be.
 */
function isLast(store: Store, task: TaskName, text: string): boolean {
  const line = lastLineOf(store, task);
  return !line || line.seal === sha256(text);
}

function refusal(task: TaskName, why: string): TaskfsError {
  return new TaskfsError('damaged', `${why}: it is not shown`, {
    hint: `'taskfs verify ${task}' says what is wrong. Put the archive back from a backup.`,
  });
}
