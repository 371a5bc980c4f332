import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isTaskName, type Store, type TaskName, taskPaths } from '../../store/index.ts';
import type { Finding } from '../finding.ts';
import { FILES, PARTS } from '../paths.ts';
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
 * every chunk and every file as well. Damage is returned, not thrown. Throws `not-found` for a
 * task that has no archive and should have none, `failed` where the verifying key is missing.
 */
export async function verifyArchives(store: Store, options: VerifyOptions = {}): Promise<Verified> {
  const chain = verifyChain(store);
  const gone = missingArchives(store, chain);
  const tasks = options.tasks ?? sealedTasks(store);
  const findings: Finding[] = verifyKept(store, options.kept ?? {});
  if (!options.tasks) findings.push(...chain.findings, ...gone);
  const totalBytes = options.deep ? sealedBytes(store, tasks) : null;
  const partial: { task: TaskName; leftOut: number }[] = [];
  let bytes = 0;
  let done = 0;
  for (const task of tasks) {
    const missing = gone.find((found) => found.task === task);
    const report = (more: number): void => {
      bytes += more;
      options.onProgress?.({ task, done, total: tasks.length, bytes, totalBytes });
    };
    if (missing) findings.push(missing);
    else {
      const { found, leftOut } = await verifyTask(store, task, chain, options, report);
      findings.push(...found);
      if (leftOut > 0) partial.push({ task, leftOut });
    }
    done++;
    report(0);
  }
  return { archives: tasks.length, ...(partial.length > 0 && { partial }), findings };
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
): Promise<{ readonly found: Finding[]; readonly leftOut: number }> {
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
