import { statSync } from 'node:fs';
import { join } from 'node:path';
import { TaskfsError } from '../../errors.ts';
import { type Store, type TaskName, taskPaths } from '../../store/index.ts';
import type { Finding } from '../finding.ts';
import { archivedTasks, FILES, PARTS } from '../paths.ts';
import { type Kept, verifyKept } from './anchor.ts';
import { type ChainState, missingArchives, verifyChain } from './chain.ts';
import { verifyContent } from './content.ts';
import { verifyFiles } from './files.ts';
import { assertSealed, verifyRecord, verifySeal } from './seal.ts';

export interface VerifyOptions {
  /** Which tasks; all that are sealed, and the chain, where none are named. */
  readonly tasks?: readonly TaskName[] | undefined;
  /** Also decrypts everything and compares every sha256; needs identities. */
  readonly deep?: boolean | undefined;
  readonly identities?: readonly string[] | undefined;
  /** What somebody kept outside of the store. */
  readonly kept?: Kept | undefined;
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
  /** Archives verified. */
  readonly archives: number;
  /**
   * Those of which a part was not to be sealed, and how many files and directories that were;
   * absent where there are none.
   */
  readonly partial?: readonly { readonly task: TaskName; readonly leftOut: number }[];
  readonly findings: readonly Finding[];
}

/**
 * Checks sealed archives. Quick: seals, signatures, the chain, records, lengths and headers. Deep:
 * every chunk and every file as well. Damage is returned, not thrown. Tasks may be removed, renamed
 * and reindexed meanwhile. Throws `not-found` for a named task that has no archive and should have
 * none, `failed` where the verifying key is missing.
 */
export async function verifyArchives(store: Store, options: VerifyOptions = {}): Promise<Verified> {
  const chain = verifyChain(store);
  const gone = missingNow(store, chain);
  const tasks = options.tasks ?? archivedTasks(store);
  const findings: Finding[] = verifyKept(store, options.kept ?? {});
  if (!options.tasks) findings.push(...chain.findings, ...gone);
  const totalBytes = options.deep ? sealedBytes(store, tasks) : null;
  const partial: { task: TaskName; leftOut: number }[] = [];
  let bytes = 0;
  let archives = 0;
  let done = 0;
  for (const task of tasks) {
    const missing = gone.find((found) => found.task === task);
    const report = (more: number): void => {
      bytes += more;
      options.onProgress?.({ task, done, total: tasks.length, bytes, totalBytes });
    };
    const verified = missing
      ? { found: [missing], leftOut: 0 }
      : await verifyUnlessRemoved(store, task, chain, options, report);
    if (verified) {
      const { found, leftOut } = verified;
      findings.push(...found);
      if (leftOut > 0) partial.push({ task, leftOut });
      archives++;
    }
    done++;
    report(0);
  }
  return { archives, ...(partial.length > 0 && { partial }), findings };
}

/** The chain has a removal before the archive goes, so it is read once more for what is gone. */
function missingNow(store: Store, chain: ChainState): Finding[] {
  const gone = missingArchives(store, chain);
  return gone.length === 0 ? gone : missingArchives(store, verifyChain(store));
}

interface VerifiedTask {
  readonly found: readonly Finding[];
  readonly leftOut: number;
}

/**
 * Undefined where none of these tasks was named, and it was removed meanwhile. What is found is
 * judged by the chain as it stands by then.
 */
async function verifyUnlessRemoved(
  store: Store,
  task: TaskName,
  chain: ChainState,
  options: VerifyOptions,
  onBytes: (bytes: number) => void,
): Promise<VerifiedTask | undefined> {
  try {
    const verified = await verifyTask(store, task, chain, options, onBytes);
    if (verified.found.length === 0) return verified;
    const now = verifyChain(store);
    const isSame = now.last.get(task)?.signature === chain.last.get(task)?.signature;
    return isSame ? verified : await verifyTask(store, task, now, options, onBytes);
  } catch (error) {
    const isGone = error instanceof TaskfsError && error.kind === 'not-found';
    if (isGone && !options.tasks) return undefined;
    throw error;
  }
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

async function verifyTask(
  store: Store,
  task: TaskName,
  chain: ChainState,
  { deep = false, identities = [] }: VerifyOptions,
  onBytes: (bytes: number) => void,
): Promise<VerifiedTask> {
  const { archive } = taskPaths(store, task);
  assertSealed(store, task);
  const { seal, findings } = verifySeal(store, task, archive, chain);
  const quick = [
    ...findings,
    ...verifyRecord(store, task, seal),
    ...verifyFiles(task, archive, seal),
  ];
  const { leftOutCount: leftOut = 0 } = seal ?? {};
  if (!deep) return { found: quick, leftOut };
  const content = await verifyContent(task, archive, seal, identities, onBytes);
  const more = content.filter((found) => !quick.some((known) => isSame(known, found)));
  return { found: [...quick, ...more], leftOut };
}

const isSame = (one: Finding, two: Finding): boolean =>
  one.kind === two.kind && one.file === two.file && one.path === two.path && two.offset === null;
