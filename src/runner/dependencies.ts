import { TaskfsError } from '../errors.ts';
import {
  isFinal,
  readRecord,
  type Store,
  type TaskName,
  type TaskRecord,
  taskPaths,
} from '../store/index.ts';
import type { Journal } from './journal.ts';
import type { Outcome } from './outcome.ts';
import { blockersOf, joinLine } from './queue.ts';
import { isSupervised } from './supervisor-liveness.ts';

/**
 * Tasks that another one is to run after (`--after`). They exist when it is submitted and nothing
 * adds to them later, so no circle can come about. The record keeps in `awaiting` those that have
 * not been seen to complete: one that was may be removed.
 */

/** How a task stands for those that are to run after it; orphaned: its supervisor died. */
type Standing = 'completed' | 'pending' | 'orphaned' | 'lost';

type Dependent = Pick<TaskRecord, 'task' | 'createdAt' | 'awaiting'>;

/** The task that one waits for; undefined where it is gone, or another has its name now. */
function findAwaited(
  store: Store,
  { createdAt }: Dependent,
  task: TaskName,
): TaskRecord | undefined {
  try {
    const record = readRecord(taskPaths(store, task).record, task);
    return record.createdAt > createdAt ? undefined : record;
  } catch (error) {
    if (error instanceof TaskfsError) return undefined;
    throw error;
  }
}

function standingOf(store: Store, record: TaskRecord | undefined): Standing {
  if (!record) return 'lost';
  const { status, artifacts } = record;
  const isOver = isFinal(status) && (artifacts === 'sealed' || artifacts === 'kept');
  if (!isOver) return isSupervised(store, record) ? 'pending' : 'orphaned';
  return status === 'completed' ? 'completed' : 'lost';
}

const awaitedThat = (store: Store, dependent: Dependent, ...standings: Standing[]): TaskName[] =>
  (dependent.awaiting ?? []).filter((task) =>
    standings.includes(standingOf(store, findAwaited(store, dependent, task))),
  );

/** Those of some tasks that have not completed. Throws `not-found` for one that is not there. */
export function notCompleted(store: Store, tasks: readonly TaskName[]): TaskName[] {
  return [...new Set(tasks)].filter((task) => {
    const record = readRecord(taskPaths(store, task).record, task);
    return standingOf(store, record) !== 'completed';
  });
}

/** Whether one that a task waits for has ended since its record was written. */
export const hasNews = (store: Store, dependent: Dependent): boolean =>
  awaitedThat(store, dependent, 'completed', 'lost').length > 0;

/** Those whose supervisor died: they end only once somebody recovers them. */
export const orphansAwaited = (store: Store, dependent: Dependent): TaskName[] =>
  awaitedThat(store, dependent, 'orphaned');

/** Notes which ones have completed; after the last of them the task is queued. */
export function noteCompleted(store: Store, journal: Journal): void {
  const { task, awaiting } = journal.record;
  if (awaiting === undefined) return;
  const completed = awaitedThat(store, journal.record, 'completed');
  const left = awaiting.filter((other) => !completed.includes(other));
  if (completed.length > 0) journal.change({ awaiting: left });
  if (left.length === 0) joinLine(store, task);
}

/** The outcome of a task that cannot run any more, as one did not complete that it waits for. */
export function lostDependency(store: Store, dependent: Dependent): Outcome | undefined {
  const [task] = awaitedThat(store, dependent, 'lost');
  if (task === undefined) return undefined;
  const fate = fateOf(store, dependent, task);
  const reason = `not started, for it was to run after ${task}, which ${fate}`;
  return { kind: 'dependency', exitCode: null, signal: null, reason };
}

function fateOf(store: Store, dependent: Dependent, task: TaskName): string {
  const record = findAwaited(store, dependent, task);
  if (!record) return 'was removed or cannot be read';
  const { status, reason, reasonKind } = record;
  if (reasonKind === 'dependency') return 'did not start either';
  return `${status === 'failed' ? 'failed' : 'was cancelled'}: ${reason}`;
}

/** Whether a queued task has but to wait: nothing can be done for it now. */
export const hasToWait = (store: Store, record: TaskRecord): boolean =>
  !hasNews(store, record) &&
  orphansAwaited(store, record).length === 0 &&
  blockersOf(store, record).length > 0;
