import { isFinal } from '../store/index.ts';
import type { TaskView } from './view.ts';

/** A task to be ordered; its size, in bytes, matters where that is what orders. */
export type Sortable = TaskView & { readonly size?: number };

/** What a task is ordered by; null where it has none. */
const KEYS = {
  created: ({ createdAt }) => createdAt,
  started: ({ startedAt }) => startedAt,
  ended: ({ endedAt }) => endedAt,
  name: ({ task }) => task,
  status: ({ status }) => IN_LIFE.indexOf(status),
  duration: durationOf,
  size: ({ size = null }) => size,
} as const satisfies Readonly<Record<string, (task: Sortable) => string | number | null>>;

const IN_LIFE = ['queued', 'running', 'completed', 'failed', 'cancelled'];

type Key = keyof typeof KEYS;

/** What tasks can be ordered by; with a minus before it the other way round, as ps(1) has it. */
export type TaskOrder = Key | `-${Key}`;

const keys = Object.keys(KEYS) as readonly Key[];

export const TASK_ORDERS: readonly TaskOrder[] = keys.flatMap((key) => [key, `-${key}`] as const);

/**
 * Tasks in an order: the first created, started or ended first, names as their bytes, statuses as
 * they follow in a task's life, the shortest and the smallest first. Those that are equal stay as
 * they were, and those without what orders them come last either way.
 */
export function sortTasks<Task extends Sortable>(tasks: readonly Task[], order: TaskOrder): Task[] {
  const isReversed = order.startsWith('-');
  const keyOf: (task: Sortable) => string | number | null =
    KEYS[(isReversed ? order.slice(1) : order) as Key];
  const keyed = tasks.map((task) => ({ task, key: keyOf(task) }));
  const sorted = keyed.toSorted(({ key: one }, { key: other }) => {
    if (one === other) return 0;
    if (one === null || other === null) return one === null ? 1 : -1;
    return one < other === isReversed ? 1 : -1;
  });
  return sorted.map(({ task }) => task);
}

/** Milliseconds from a task's start to its end, or to now; null for one that did not start. */
export function durationOf({ startedAt, endedAt, status }: TaskView): number | null {
  if (startedAt === null) return null;
  const end = isFinal(status) && endedAt !== null ? Date.parse(endedAt) : Date.now();
  return end - Date.parse(startedAt);
}
