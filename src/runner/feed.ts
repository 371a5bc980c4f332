import { setTimeout as sleep } from 'node:timers/promises';
import {
  listTasks,
  readEvents,
  type Store,
  type TaskEvent,
  type TaskName,
  taskPaths,
} from '../store/index.ts';
import { unfinishedTasks } from './tickets.ts';

/** The events of all tasks so far, in order of time. */
export function readAllEvents(store: Store): TaskEvent[] {
  return inOrder(listTasks(store).flatMap((task) => readEvents(taskPaths(store, task).events)));
}

export interface FeedOptions {
  /** Ends the feed. */
  readonly signal?: AbortSignal | undefined;
  /** Only of this task. */
  readonly task?: TaskName | undefined;
  /** Whether the events so far come first. */
  readonly fromStart?: boolean | undefined;
}

/** How often the feed reads new events, in milliseconds. */
const POLL_MS = 250;

/**
 * The events of all tasks (or one) as they come, until the signal aborts. Only tasks in the queue
 * and new ones are read, so that ten thousand finished ones cost nothing; one that left the queue
 * between two polls is read a last time.
 */
export async function* followEvents(
  store: Store,
  { signal, task, fromStart = false }: FeedOptions = {},
): AsyncGenerator<TaskEvent> {
  const seen = new Map<TaskName, number>();
  const isMeant = (name: TaskName): boolean => task === undefined || name === task;
  const read = (names: Iterable<TaskName>): TaskEvent[] =>
    inOrder([...names].filter(isMeant).flatMap((name) => readNew(store, name, seen)));
  const past = read(listTasks(store));
  if (fromStart) yield* past;
  let active = new Set(unfinishedTasks(store));
  while (!signal?.aborted) {
    const before = active;
    active = new Set(unfinishedTasks(store));
    const fresh = listTasks(store).filter((name) => isMeant(name) && !seen.has(name));
    yield* read(new Set([...before, ...active, ...fresh]));
    await sleep(POLL_MS, undefined, signal && { signal }).catch(() => {});
  }
}

function readNew(store: Store, task: TaskName, seen: Map<TaskName, number>): TaskEvent[] {
  const events = readEvents(taskPaths(store, task).events);
  const from = seen.get(task) ?? 0;
  seen.set(task, events.length);
  return events.slice(from);
}

const inOrder = (events: TaskEvent[]): TaskEvent[] =>
  events.sort((a, b) => a.at.localeCompare(b.at));
