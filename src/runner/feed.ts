import { setTimeout as sleep } from 'node:timers/promises';
import { TaskfsError } from '../errors.ts';
import { matches, type Selector, selectsAll } from '../retention/index.ts';
import {
  listTasks,
  readEvents,
  type Store,
  type TaskEvent,
  type TaskName,
  taskPaths,
} from '../store/index.ts';
import { unfinishedTasks } from './queue-tickets.ts';
import { viewTask } from './view.ts';

/** Whose events are meant: those of all tasks by default. */
export interface EventSelection {
  /** Only of this task. */
  readonly task?: TaskName | undefined;
  /** Only of tasks that are as it says when they are read. */
  readonly select?: Selector | undefined;
}

/** The events so far, in order of time. */
export function readAllEvents(
  store: Store,
  { task, select = {} }: EventSelection = {},
): TaskEvent[] {
  const tasks = task === undefined ? listTasks(store) : [task];
  const selected = tasks.filter(selectedBy(store, select));
  return inOrder(selected.flatMap((each) => readEvents(taskPaths(store, each).events)));
}

/** Whether a selector names a task; by labels and names, which never change, it is asked once. */
function selectedBy(store: Store, select: Selector): (task: TaskName) => boolean {
  const known = new Map<TaskName, boolean>();
  return (task) => {
    const isSelected = known.get(task) ?? isNamedBy(store, task, select);
    if (!select.status) known.set(task, isSelected);
    return isSelected;
  };
}

/** One whose record cannot be read has nothing to be selected by. */
function isNamedBy(store: Store, task: TaskName, select: Selector): boolean {
  if (selectsAll(select)) return true;
  try {
    return matches(select, viewTask(store, task));
  } catch (error) {
    if (error instanceof TaskfsError) return false;
    throw error;
  }
}

export interface FeedOptions extends EventSelection {
  /** Ends the feed. */
  readonly signal?: AbortSignal | undefined;
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
  { signal, task, select = {}, fromStart = false }: FeedOptions = {},
): AsyncGenerator<TaskEvent> {
  const seen = new Map<TaskName, number>();
  const isSelected = selectedBy(store, select);
  const isMeant = (name: TaskName): boolean =>
    (task === undefined || name === task) && isSelected(name);
  const read = (names: Iterable<TaskName>): TaskEvent[] =>
    inOrder([...names].filter(isMeant).flatMap((name) => readNew(store, name, seen)));
  // Before what there is so far is read: they may end while that is handed on.
  let active = new Set(unfinishedTasks(store));
  const past = read(listTasks(store));
  if (fromStart) yield* past;
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
