import { closeSync, existsSync, fstatSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { TaskfsError } from '../errors.ts';
import { loadVerifyingKey } from '../keys.ts';
import { readRecord } from '../record.ts';
import { type Store, taskPaths } from '../store.ts';
import { isTaskName, type TaskName } from '../task-name.ts';
import { headerMac, readHeader } from './age-header.ts';
import { openSealed } from './decrypted-file.ts';
import { type Finding, finding } from './finding.ts';
import { FILES, KEY_FILE, PARTS, SEAL_FILE } from './layout.ts';
import { isPending } from './reindex-commit.ts';
import {
  digestRecord,
  isSigned,
  parseSeal,
  readSealText,
  type Seal,
  sha256,
  signerOf,
} from './seal-record.ts';
import { type ChainState, missingArchives, verifyChain } from './verify-chain.ts';
import { fromError, verifyContent } from './verify-content.ts';

export type { Finding, FindingKind } from './finding.ts';

export interface VerifyOptions {
  /** Which tasks; all that are sealed, and the chain, where none are named. */
  readonly tasks?: readonly TaskName[] | undefined;
  /** Also decrypts everything and compares every sha256; needs identities. */
  readonly deep?: boolean | undefined;
  readonly identities?: readonly string[] | undefined;
  /** Called as tasks are done, and while one is read; bytes are plaintext read so far. */
  readonly onProgress?: ((progress: VerifyProgress) => void) | undefined;
}

export interface VerifyProgress {
  readonly task: TaskName;
  readonly done: number;
  readonly total: number;
  readonly bytes: number;
  /** About how many bytes there will be; null where contents are not read. */
  readonly totalBytes: number | null;
}

export interface Verified {
  /** Archives looked at. */
  readonly archives: number;
  readonly findings: readonly Finding[];
}

/**
 * Checks sealed archives. Quick: seals, signatures, the chain, records, lengths and headers. Deep:
 * every chunk and every file as well. Damage is returned, not thrown. Throws `not-found` for a
 * task that has no archive and should have none, `failed` where the verifying key is missing.
 */
export async function verifyArchives(store: Store, options: VerifyOptions = {}): Promise<Verified> {
  const chain = verifyChain(store);
  const gone = missingArchives(store, chain);
  const tasks = options.tasks ?? sealedTasks(store);
  const findings: Finding[] = options.tasks ? [] : [...chain.findings, ...gone];
  const totalBytes = options.deep ? sealedBytes(store, tasks) : null;
  let bytes = 0;
  let done = 0;
  for (const task of tasks) {
    const missing = gone.find((found) => found.task === task);
    const report = (more: number): void => {
      bytes += more;
      options.onProgress?.({ task, done, total: tasks.length, bytes, totalBytes });
    };
    findings.push(...(missing ? [missing] : await verifyTask(store, task, chain, options, report)));
    done++;
    report(0);
  }
  return { archives: tasks.length, findings };
}

function sealedBytes(store: Store, tasks: readonly TaskName[]): number {
  const paths = tasks.flatMap((task) =>
    PARTS.map((part) => join(taskPaths(store, task).archive, FILES[part])),
  );
  return paths.reduce(
    (sum, path) => sum + (statSync(path, { throwIfNoEntry: false })?.size ?? 0),
    0,
  );
}

function sealedTasks(store: Store): TaskName[] {
  return readdirSync(store.archive).filter(isTaskName).sort();
}

async function verifyTask(
  store: Store,
  task: TaskName,
  chain: ChainState,
  { deep = false, identities = [] }: VerifyOptions,
  onBytes: (bytes: number) => void,
): Promise<Finding[]> {
  const { archive } = taskPaths(store, task);
  assertSealed(store, task);
  const { seal, findings } = verifySeal(store, task, archive, chain);
  const quick = [
    ...findings,
    ...verifyRecord(store, task, seal),
    ...verifyFiles(task, archive, seal),
  ];
  if (!deep) return quick;
  const content = await verifyContent(task, archive, seal, identities, onBytes);
  return [...quick, ...content.filter((found) => !quick.some((known) => isSame(known, found)))];
}

function assertSealed(store: Store, task: TaskName): void {
  if (existsSync(taskPaths(store, task).archive)) return;
  throw new TaskfsError('not-found', `task ${task} has no archive`, {
    hint: `'taskfs status ${task}' says where its files are.`,
  });
}

const isSame = (one: Finding, two: Finding): boolean =>
  one.kind === two.kind && one.file === two.file && one.path === two.path && two.offset === null;

function verifySeal(
  store: Store,
  task: TaskName,
  archive: string,
  chain: ChainState,
): { seal: Seal | undefined; findings: Finding[] } {
  try {
    const text = readSealText(archive);
    const seal = parseSeal(text, join(archive, SEAL_FILE));
    const problem = sealProblem(store, task, seal, sha256(text), chain);
    // What an untrustworthy seal says of the files is not held against them.
    return { seal: problem ? undefined : seal, findings: problem ? [problem] : [] };
  } catch (error) {
    if (!(error instanceof TaskfsError)) throw error;
    return { seal: undefined, findings: [fromError(task, error)] };
  }
}

/** The seal of an archive, if it is ours and the last one. Throws `damaged`. */
export function trustedSeal(store: Store, task: TaskName): Seal {
  assertSealed(store, task);
  const chain = verifyChain(store);
  const { seal, findings } = verifySeal(store, task, taskPaths(store, task).archive, chain);
  const line = chain.last.get(task);
  if (seal && line && isSigned(line, loadVerifyingKey(store))) return seal;
  const why = findings[0]?.message ?? `the line of task ${task} in seals.jsonl was changed`;
  throw new TaskfsError('damaged', `${why}: nothing can be made anew that would be trusted`, {
    hint: 'Put seal.json or seals.jsonl back from a backup.',
  });
}

function sealProblem(
  store: Store,
  task: TaskName,
  seal: Seal,
  hash: string,
  { last }: ChainState,
): Finding | undefined {
  const key = loadVerifyingKey(store);
  const file = SEAL_FILE;
  const say = (kind: 'damaged' | 'not-ours' | 'replaced', message: string): Finding =>
    finding(task, kind, message, { file });
  if (seal.signer !== signerOf(key))
    return say('not-ours', `the archive of ${task} was sealed by another store`);
  if (!isSigned(seal, key))
    return say('damaged', `seal.json of task ${task} was changed: its signature is wrong`);
  if (seal.task !== task)
    return say('replaced', `the archive of ${task} is that of task ${seal.task}`);
  const line = last.get(task);
  if (line?.seal === hash) return undefined;
  if (isPending(store, task)) {
    return say('replaced', `a reindex of task ${task} was cut short; 'taskfs recover' ends it`);
  }
  return say('replaced', `the archive of ${task} is not the one that was sealed last`);
}

function verifyRecord(store: Store, task: TaskName, seal: Seal | undefined): Finding[] {
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

/** Lengths and headers: what can be seen without a key and without reading everything. */
function verifyFiles(task: TaskName, archive: string, seal: Seal | undefined): Finding[] {
  const findings = PARTS.map((part) => verifyFile(task, archive, FILES[part], seal));
  return [...findings, verifyFile(task, archive, KEY_FILE, undefined)].filter(
    (found) => found !== undefined,
  );
}

function verifyFile(
  task: TaskName,
  archive: string,
  file: (typeof FILES)[keyof typeof FILES] | typeof KEY_FILE,
  seal: Seal | undefined,
): Finding | undefined {
  const path = join(archive, file);
  try {
    const fd = openSealed(path);
    try {
      const { size } = fstatSync(fd);
      const expected = file === KEY_FILE ? undefined : seal?.files[file];
      if (expected && size < expected.bytes) {
        return finding(task, 'truncated', `${file} of task ${task} ends too early`, {
          file,
          offset: size,
        });
      }
      if (expected && size > expected.bytes) {
        const message = `${file} of task ${task} is longer than what was sealed`;
        return finding(task, 'damaged', message, { file, offset: expected.bytes });
      }
      const mac = headerMac(readHeader(fd, path));
      if (!expected || mac === expected.mac) return undefined;
      return finding(task, 'damaged', `the header of ${file} of task ${task} was changed`, {
        file,
        offset: 0,
      });
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (!(error instanceof TaskfsError)) throw error;
    return fromError(task, error);
  }
}
