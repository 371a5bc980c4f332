import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf, TaskfsError } from '../errors.ts';
import {
  findStaging,
  isFinal,
  isLocked,
  type Lock,
  listTasks,
  readRecord,
  type Store,
  type Supervisor,
  type TaskName,
  type TaskRecord,
  takeLock,
  taskPaths,
} from '../store/index.ts';
import { AT, removeTree } from '../sys/index.ts';
import { resumeDetached, startDetached } from './detached.ts';
import { outlivesSupervisor } from './engines/registry.ts';
import type { FinishOptions } from './finish.ts';
import { type Claim, openJournal } from './journal.ts';
import { resumeTask } from './lifecycle.ts';
import { leaveQueue } from './queue.ts';
import { unfinishedTasks } from './queue-tickets.ts';
import { finishRemoval, removalsCutShort } from './remove-task.ts';
import { isEndRequested } from './requests.ts';
import { isDraft, makerOf } from './submit.ts';
import {
  assertNotElsewhere,
  describeElsewhere,
  lockReach,
  supervisorElsewhere,
} from './supervisor-liveness.ts';

/** What recovery did with a task that had no supervisor. */
export interface Recovery {
  readonly task: TaskName;
  /**
   * `queued`: it waits for its turn again, as before. `followed`: it still runs, under a new
   * supervisor. `removed`: its removal was cut short. `renamed`: its renaming was, to this name.
   * `failed`: see `error`; what there is of it is untouched. `elsewhere`: another machine may
   * supervise it, so it was left alone.
   */
  readonly outcome:
    | 'sealed'
    | 'kept'
    | 'followed'
    | 'removed'
    | 'renamed'
    | 'queued'
    | 'failed'
    | 'elsewhere';
  /**
   * The reason where the outcome is `kept` or `failed`, or
   * plaintext or something of its run could not be removed.
   */
  readonly error: string | null;
  /** Where it may be supervised, in words; only where the outcome is `elsewhere`. */
  readonly supervisor?: string;
}

export interface RecoverOptions extends FinishOptions {
  /**
   * `all` checks every task, and retries sealing where it failed; `unfinished` only those in the
   * queue, which is quick enough for the start of any `run` or `mount`.
   */
  readonly scope: 'all' | 'unfinished';
  /** The name of a machine that will never come back: its tasks have no supervisor. */
  readonly goneMachine?: string | undefined;
}

/**
 * Finds tasks whose supervisor died and finishes them, each exactly once however many recoverers
 * run: only the holder of a task's lock touches it. Tasks with a living supervisor are left alone,
 * and so are those that another machine may supervise.
 */
export async function recover(store: Store, options: RecoverOptions): Promise<Recovery[]> {
  const recoveries: Recovery[] = [];
  const recoverEach = async (tasks: TaskName[], scope: RecoverOptions['scope']): Promise<void> => {
    for (const task of tasks) {
      const recovery = await recoverTask(store, task, { ...options, scope });
      if (recovery) recoveries.push(recovery);
    }
  };
  await recoverEach(unfinishedTasks(store), 'unfinished');
  if (options.scope === 'unfinished') return recoveries;
  removeDrafts(store);
  const { finishReindexes } = await import('../archive/maintain/index.ts');
  finishReindexes(store);
  recoveries.push(...(await endRenames(store)));
  recoveries.push(...finishRemovals(store));
  const done = new Set(recoveries.map(({ task }) => task));
  await recoverEach(
    listTasks(store).filter((task) => !done.has(task)),
    'all',
  );
  return recoveries;
}

/** Ends the renaming of tasks that was cut short. */
async function endRenames(store: Store): Promise<Recovery[]> {
  const { finishRenames } = await import('./rename-task.ts');
  const renames = await finishRenames(store);
  return renames.map((renamed) =>
    'name' in renamed
      ? { task: renamed.name, outcome: 'renamed', error: null }
      : { ...renamed, outcome: 'failed' },
  );
}

/** Ends the removals that were cut short, but for those that somebody is at. */
function finishRemovals(store: Store): Recovery[] {
  return removalsCutShort(store).flatMap((task): Recovery[] => {
    try {
      return finishRemoval(store, task) ? [{ task, outcome: 'removed', error: null }] : [];
    } catch (error) {
      return [{ task, outcome: 'failed', error: messageOf(error) }];
    }
  });
}

/** Recovers one task; undefined where there was nothing to do, or another process does it. */
export async function recoverTask(
  store: Store,
  task: TaskName,
  options: RecoverOptions,
): Promise<Recovery | undefined> {
  try {
    const claim = await claimOrphan(store, task, options);
    if (!claim) return undefined;
    if ('elsewhere' in claim) {
      const supervisor = describeElsewhere(claim.elsewhere);
      return { task, outcome: 'elsewhere', error: null, supervisor };
    }
    if (isStillQueued(claim)) {
      openJournal(claim).note({ type: 'requeued' });
      await startDetached(claim, {});
      return { task, outcome: 'queued', error: null };
    }
    if (isStillRunning(claim.record)) {
      await resumeDetached(claim);
      return { task, outcome: 'followed', error: null };
    }
    const record = await resumeTask(claim, options);
    const outcome = record.artifacts === 'sealed' ? 'sealed' : 'kept';
    return { task, outcome, error: errorOf(record) };
  } catch (error) {
    if (!isGone(error)) return { task, outcome: 'failed', error: messageOf(error) };
    leaveQueue(store, task);
    return undefined;
  }
}

function errorOf({ sealError, plaintext = null, unremoved }: TaskRecord): string | null {
  if (sealError !== null) return sealError;
  if (plaintext !== null) return `its plaintext is ${plaintext}`;
  return unremoved ? 'what is left of it, such as a container, cannot be removed now' : null;
}

/**
 * It can be queued again as it was, but for values given with -e, which were written nowhere. Not
 * where its starter reported that it did not start: the record names nobody then.
 */
const isStillQueued = ({ store, task, record }: Claim): boolean =>
  record.status === 'queued' &&
  record.supervisorPid !== null &&
  record.env.length === 0 &&
  !isEndRequested(taskPaths(store, task).directory);

const isStillRunning = (record: TaskRecord): boolean =>
  record.status === 'running' && outlivesSupervisor(record.engine);

const isGone = (error: unknown): boolean =>
  error instanceof TaskfsError && error.kind === 'not-found';

async function claimOrphan(
  store: Store,
  task: TaskName,
  { scope, goneMachine }: RecoverOptions,
): Promise<Claim | { readonly elsewhere: Supervisor } | undefined> {
  const paths = taskPaths(store, task);
  const first = readRecord(paths.record, task);
  if (!needsWork(store, first, scope)) return undefined;
  const lock = await takeOrphanLock(paths.lock, first.supervisorPid);
  if (!lock) return undefined;
  // Read again: another recoverer may have finished it before the lock was taken.
  const record = readRecord(paths.record, task);
  const elsewhere = supervisorElsewhere(store, record);
  const isNobodys = elsewhere === undefined || elsewhere.host === goneMachine;
  if (needsWork(store, record, scope) && isNobodys) return { store, task, record, lock };
  lock.release();
  return isNobodys ? undefined : { elsewhere };
}

function needsWork(store: Store, record: TaskRecord, scope: RecoverOptions['scope']): boolean {
  if (!isFinal(record.status) || record.artifacts === 'sealing') return true;
  if (record.unremoved && scope === 'all') return true;
  if (record.artifacts === 'kept' || record.plaintext) return scope === 'all';
  const paths = taskPaths(store, record.task);
  // A ticket alone is left when a supervisor died between its last two steps.
  const hasTicket = (): boolean => unfinishedTasks(store).includes(record.task);
  if (findStaging(paths) !== undefined || existsSync(paths.log)) return true;
  return scope === 'unfinished' && hasTicket();
}

// Whoever only asks whether the lock is held, holds it for an instant: hence the retries.
async function takeOrphanLock(path: string, pid: number | null): Promise<Lock | undefined> {
  for (let tries = 1; ; tries++) {
    const lock = takeLock(path);
    if (lock || tries === 5 || isAlive(pid)) return lock;
    await sleep(5 * tries);
  }
}

function isAlive(pid: number | null): boolean {
  return pid !== null && pid !== process.pid && existsSync(`/proc/${pid}`);
}

/** Drafts of submissions whose process died before the task appeared (submit.ts). */
function removeDrafts(store: Store): void {
  for (const name of readdirSync(store.tasks)) {
    if (!isDraft(name)) continue;
    const draft = join(store.tasks, name);
    const stat = statSync(draft, { throwIfNoEntry: false });
    const isOld = stat && Date.now() - stat.mtimeMs > DRAFT_AGE_MS;
    if (isOld || !isBeingMade(store, name, draft)) removeTree(AT.FDCWD, draft);
  }
}

/** A draft lives for milliseconds; one this old has nobody left. */
const DRAFT_AGE_MS = 10 * 60_000;

/**
 * Its maker lives, or holds its lock from another machine
 * or container, where process ids are others.
 */
function isBeingMade(store: Store, name: string, draft: string): boolean {
  if (lockReach(store) === 'mount') return true;
  const lock = join(draft, 'lock');
  return isAlive(makerOf(name)) || (existsSync(lock) && isLocked(lock));
}

/** Throws `usage` where a task has not ended, or another machine supervises it. */
export function assertSealable(store: Store, task: TaskName): void {
  const record = readRecord(taskPaths(store, task).record, task);
  if (!isFinal(record.status)) {
    throw new TaskfsError('usage', `task ${task} is ${record.status}: it cannot be sealed yet`, {
      hint: `It is sealed when it ends: 'taskfs wait ${task}', or 'taskfs cancel ${task}'.`,
    });
  }
  assertNotElsewhere(store, record);
}

/** Seals the files of a task that has ended, if they are not. Throws `failed` where they stay. */
export async function sealAgain(
  store: Store,
  task: TaskName,
  options: Omit<RecoverOptions, 'scope'>,
): Promise<void> {
  await recoverTask(store, task, { ...options, scope: 'all' });
  const { artifacts, sealError } = readRecord(taskPaths(store, task).record, task);
  if (artifacts !== 'kept') return;
  throw new TaskfsError('failed', `task ${task} could not be sealed: ${sealError}`, {
    hint: "Its files are kept as they are. 'taskfs doctor' looks for what may be wrong.",
  });
}
