import type { KeyObject } from 'node:crypto';
import { existsSync } from 'node:fs';
import {
  findStaging,
  isTaskName,
  loadVerifyingKey,
  readRecord,
  type Store,
  type TaskName,
  taskPaths,
} from '../../store/index.ts';
import { type ChainLine, readChain } from '../chain.ts';
import { type Finding, finding } from '../finding.ts';
import { isSigned } from '../seal-record.ts';

/** What the chain says of the store. */
export interface ChainState {
  /** What its lines, and all seals, have to be signed with. */
  readonly key: KeyObject;
  /** The last line about each task. */
  readonly last: ReadonlyMap<string, ChainLine>;
  readonly findings: readonly Finding[];
}

/**
 * Checks every line of `seals.jsonl`: its signature, and that it holds the hash of the one before.
 * Throws `failed` where the verifying key is missing.
 */
export function verifyChain(store: Store): ChainState {
  const key = loadVerifyingKey(store);
  const last = new Map<string, ChainLine>();
  const findings: Finding[] = [];
  let previous: string | null = null;
  let number = 0;
  for (const { hash, value } of readChain(store)) {
    number++;
    if (!value) findings.push(broken(number, 'is malformed'));
    else if (!isSigned(value, key)) findings.push(broken(number, 'is not signed by this store'));
    else if (value.previous !== previous)
      findings.push(broken(number, 'does not follow the one before'));
    if (value) last.set(value.task, value);
    previous = hash;
  }
  return { key, last, findings };
}

const broken = (line: number, what: string): Finding =>
  finding(null, 'chain-broken', `line ${line} of seals.jsonl ${what}`, { file: 'seals.jsonl' });

/**
 * Archives that the chain says were sealed and that are missing, but for tasks yet to be sealed.
 */
export function missingArchives(store: Store, { last }: ChainState): Finding[] {
  return [...last.values()]
    .filter(({ type, task }) => type === 'sealed' && isTaskName(task))
    .filter(({ task }) => !existsSync(taskPaths(store, task).archive) && !isPending(store, task))
    .map(({ task }) => finding(task, 'missing', `the archive of task ${task} is gone`));
}

/** Its commit was interrupted between the chain and the rename: the plaintext still exists. */
function isPending(store: Store, task: TaskName): boolean {
  const paths = taskPaths(store, task);
  try {
    return readRecord(paths.record, task).artifacts !== 'sealed' && !!findStaging(paths);
  } catch {
    return false;
  }
}
