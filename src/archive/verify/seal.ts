import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { TaskfsError } from '../../errors.ts';
import type { TaskName } from '../../store/index.ts';
import { isBeingRemoved, readRecord, type Store, taskPaths } from '../../store/index.ts';
import { type Finding, finding } from '../finding.ts';
import { isReindexPending, sealFault } from '../genuine-seal.ts';
import { SEAL_FILE } from '../paths.ts';
import {
  digestRecord,
  isSigned,
  parseSeal,
  readSealText,
  type Seal,
  sha256,
} from '../seal-record.ts';
import { type ChainState, verifyChain } from './chain.ts';
import { fromError } from './content.ts';

/** Throws `not-found` where there is no such task, or it has no archive. */
export function assertSealed(store: Store, task: TaskName): void {
  const { archive, record } = taskPaths(store, task);
  if (existsSync(archive)) return;
  readRecord(record, task);
  throw new TaskfsError('not-found', `task ${task} has no archive`, {
    hint: `'taskfs status ${task}' says where its files are.`,
  });
}

/** The seal of an archive as far as it can be trusted, and what is wrong with it. */
export function verifySeal(
  store: Store,
  task: TaskName,
  archive: string,
  chain: ChainState,
): { seal: Seal | undefined; findings: Finding[] } {
  try {
    const text = readSealText(archive);
    const seal = parseSeal(text, join(archive, SEAL_FILE));
    const problem = sealProblem(store, task, seal, sha256(text), chain);
    // What an untrustworthy seal says of the files proves nothing about them.
    return { seal: problem ? undefined : seal, findings: problem ? [problem] : [] };
  } catch (error) {
    if (!(error instanceof TaskfsError)) throw error;
    return { seal: undefined, findings: [fromError(task, archive, error)] };
  }
}

/** The seal of an archive, if it is ours and the last one. Throws `damaged`. */
export function trustedSeal(store: Store, task: TaskName): Seal {
  assertSealed(store, task);
  const chain = verifyChain(store);
  const { seal, findings } = verifySeal(store, task, taskPaths(store, task).archive, chain);
  const line = chain.last.get(task);
  if (seal && line && isSigned(line, chain.key)) return seal;
  const why = findings[0]?.message ?? `the line of task ${task} in seals.jsonl was changed`;
  throw new TaskfsError('damaged', `${why}: nothing rebuilt from it could be trusted`, {
    hint: 'Put seal.json or seals.jsonl back from a backup.',
  });
}

function sealProblem(
  store: Store,
  task: TaskName,
  seal: Seal,
  hash: string,
  { key, last }: ChainState,
): Finding | undefined {
  const fault = sealFault(task, seal, key);
  if (fault) return fault;
  const replaced = (message: string): Finding =>
    finding(task, 'replaced', message, { file: SEAL_FILE });
  const line = last.get(task);
  if (line?.seal === hash) return undefined;
  // The chain records a removal before the archive goes: it was interrupted, and recovery ends it.
  if (line?.type === 'removed' && isBeingRemoved(store, task)) return undefined;
  if (isReindexPending(store, task)) {
    return replaced(`a reindex of task ${task} was interrupted; 'taskfs recover' ends it`);
  }
  return replaced(`the archive of ${task} is not the one that was sealed last`);
}

/** Whether the record is the one that was sealed. */
export function verifyRecord(store: Store, task: TaskName, seal: Seal | undefined): Finding[] {
  const at = { file: 'task.json' };
  try {
    const record = readRecord(taskPaths(store, task).record, task);
    if (!seal || digestRecord(record) === seal.recordSha256) return [];
    return [
      finding(
        task,
        'record-changed',
        `the record of task ${task} was changed after it was sealed`,
        at,
      ),
    ];
  } catch (error) {
    if (!(error instanceof TaskfsError)) throw error;
    const kind = error.kind === 'not-found' ? 'missing' : 'damaged';
    return [finding(task, kind, error.message, at)];
  }
}
