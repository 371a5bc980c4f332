import { messageOf, TaskfsError } from '../../errors.ts';
import type { Store, TaskName } from '../../store/index.ts';
import type { Finding } from '../finding.ts';
import { FILES } from '../paths.ts';
import { type Verified, type VerifyOptions, verifyArchives } from '../verify/verify.ts';
import { type Reindexed, type ReindexOptions, reindexTask } from './reindex.ts';

/** What was found, what was repaired, and what is still not as it was sealed. */
export interface Repaired extends Verified {
  readonly repaired: readonly Reindexed[];
  /** Indexes that could not be rebuilt, and why. */
  readonly notRepaired: readonly { readonly task: TaskName; readonly message: string }[];
}

export interface RepairOptions extends VerifyOptions {
  readonly identities: readonly string[];
  readonly onReindex?: ReindexOptions['onProgress'];
}

/**
 * Verifies every byte of archives, and rebuilds what is derived: the index. Nothing else is: lost
 * files, logs, keys and seals stay among the findings. Throws as `verifyArchives`.
 */
export async function repairArchives(store: Store, options: RepairOptions): Promise<Repaired> {
  const { identities, onReindex: onProgress } = options;
  const before = await verifyArchives(store, { ...options, deep: true });
  const repaired: Reindexed[] = [];
  const notRepaired: { task: TaskName; message: string }[] = [];
  for (const task of tasksToReindex(before.findings)) {
    try {
      repaired.push(await reindexTask(store, task, { identities, onProgress }));
    } catch (error) {
      if (!(error instanceof TaskfsError)) throw error;
      notRepaired.push({ task, message: messageOf(error) });
    }
  }
  const { findings: _, ...counts } = before;
  const findings = await findingsAfter(store, before.findings, repaired, options);
  return { ...counts, findings, repaired, notRepaired };
}

/** Those with a damaged index, or with a new one that is not in its place yet. */
function tasksToReindex(findings: readonly Finding[]): Set<TaskName> {
  const tasks = findings
    .filter(({ kind, file }) => file === FILES.index || kind === 'replaced')
    .map(({ task }) => task);
  return new Set(tasks.filter((task) => task !== null));
}

async function findingsAfter(
  store: Store,
  before: readonly Finding[],
  repaired: readonly Reindexed[],
  options: VerifyOptions,
): Promise<readonly Finding[]> {
  if (repaired.length === 0) return before;
  const tasks = repaired.map(({ task }) => task);
  const others = before.filter(({ task }) => task === null || !tasks.includes(task));
  const { findings } = await verifyArchives(store, {
    ...options,
    kept: undefined,
    deep: true,
    tasks,
  });
  return [...others, ...findings];
}
