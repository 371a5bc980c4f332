import { TaskfsError } from '../errors.ts';
import {
  isLocked,
  readGroups,
  readRecord,
  type Store,
  type TaskName,
  type TaskRecord,
  taskPaths,
} from '../store/index.ts';
import {
  addTicket,
  inLine,
  locked,
  moveTicket,
  readTickets,
  removeTicket,
  type Stage,
  type Ticket,
} from './queue-tickets.ts';
import { isSupervised } from './supervisor-liveness.ts';
import { sendWakeup } from './wakeup-signal.ts';

/**
 * Who runs next. Each group is a queue of its own, and so are the tasks without one: the highest
 * priority first, then the oldest. A ticket counts as long as the supervisor of its task lives, so
 * a killed one never blocks the queue.
 */

/** What the queue has to know of a task. */
type Queued = Pick<TaskRecord, 'task' | 'maxRunning' | 'priority' | 'group' | 'awaiting'>;

/** Puts a task into the queue; `publish` makes it visible, under the queue's lock. */
export function enterQueue(store: Store, queued: Queued, publish: () => void): void {
  const { task, priority = 0, group, awaiting = [] } = queued;
  locked(store, () => {
    const stage: Stage = awaiting.length > 0 ? 'held' : 'waiting';
    const number = (readTickets(store).at(-1)?.number ?? 0) + 1;
    const ticket: Ticket = { stage, number, task, priority, group };
    addTicket(store, ticket);
    try {
      publish();
    } catch (error) {
      removeTicket(store, ticket);
      throw error;
    }
    if (stage === 'waiting') wakeFollower(store, ticket);
  });
}

/** Queues a task that was held, at the place of its age; no error where it is there. */
export function joinLine(store: Store, task: TaskName): void {
  locked(store, () => {
    const own = ticketOf(store, task);
    if (own?.stage !== 'held') return;
    moveTicket(store, own, 'waiting');
    wakeFollower(store, own);
  });
}

const ticketOf = (store: Store, task: TaskName): Ticket | undefined =>
  readTickets(store).find((ticket) => ticket.task === task);

/** The one behind a task that came into the middle of its line waits for that one from now on. */
function wakeFollower(store: Store, own: Ticket): void {
  const behind = lineOf(readTickets(store), own.group).find((other) => comesBefore(own, other));
  const record = behind && recordOf(store, behind);
  if (record) sendWakeup(record.supervisorPid);
}

const comesBefore = (one: Ticket, other: Ticket): boolean => inLine(one, other) < 0;

/** Those of a group that wait for a slot, the next one first. */
const lineOf = (tickets: readonly Ticket[], group: string | undefined): Ticket[] =>
  tickets.filter((ticket) => ticket.stage === 'waiting' && ticket.group === group).sort(inLine);

/**
 * Takes a slot for a task, where nothing that it waits for is left (`blockersOf`). `record` writes
 * the start down, under the queue's lock: start times are in the order of the queue. Returns
 * whether the slot was had.
 */
export function takeSlot(store: Store, queued: Queued, record: () => void): boolean {
  return locked(store, () => {
    const tickets = readTickets(store);
    if (findBlockers(store, tickets, queued).length > 0) return false;
    record();
    const own = tickets.find(({ task }) => task === queued.task);
    if (own) moveTicket(store, own, 'running');
    wakeNext(store, queued.group);
    return true;
  });
}

/**
 * The tasks that one waits for: those that it is to run after; else the one before it in its queue;
 * else, where it is the first, those that run in the slots of its group, or of `--max-running`.
 * Nothing: it may start.
 */
export function blockersOf(store: Store, queued: Queued): readonly TaskName[] {
  return locked(store, () => findBlockers(store, readTickets(store), queued));
}

/**
 * The lock of a task to wait for; undefined where nobody here holds it: that of a supervisor on
 * another machine is free here, and can only be polled.
 */
export function heldLockOf(store: Store, task: TaskName): string | undefined {
  const { lock } = taskPaths(store, task);
  return isLocked(lock) ? lock : undefined;
}

function findBlockers(
  store: Store,
  tickets: readonly Ticket[],
  { task, maxRunning, group, awaiting = [] }: Queued,
): readonly TaskName[] {
  if (awaiting.length > 0) return awaiting;
  if (maxRunning === null && group === undefined) return [];
  const isAlive = (ticket: Ticket): boolean => isTicketAlive(store, ticket);
  const own = tickets.find((ticket) => ticket.task === task);
  const before = lineOf(tickets, group).filter((other) => own && comesBefore(other, own));
  const next = before.findLast(isAlive);
  if (next) return [next.task];
  const others = tickets.filter((ticket) => ticket.task !== task && ticket.stage === 'running');
  const running = others.filter(isAlive);
  const ofGroup = running.filter((ticket) => ticket.group === group);
  const limit = group === undefined ? undefined : readGroups(store)[group];
  if (limit !== undefined && ofGroup.length >= limit) return ofGroup.map((ticket) => ticket.task);
  const isFull = maxRunning !== null && running.length >= maxRunning;
  return isFull ? running.map((ticket) => ticket.task) : [];
}

/** A ticket whose task is gone or damaged does not count. */
function isTicketAlive(store: Store, ticket: Ticket): boolean {
  if (isLocked(taskPaths(store, ticket.task).lock)) return true;
  const record = recordOf(store, ticket);
  return record !== undefined && isSupervised(store, record);
}

/** Undefined where the task is gone or its record is damaged, which is no matter of other tasks. */
function recordOf(store: Store, { task }: Ticket): TaskRecord | undefined {
  try {
    return readRecord(taskPaths(store, task).record, task);
  } catch (error) {
    if (error instanceof TaskfsError) return undefined;
    throw error;
  }
}

/**
 * Gives the slot back once a task runs no more, and wakes
 * the next one; the ticket stays until `leaveQueue`.
 */
export function freeSlot(store: Store, task: TaskName): void {
  locked(store, () => {
    const own = ticketOf(store, task);
    if (own) moveTicket(store, own, 'ending');
    wakeNext(store, own?.group);
  });
}

/** Takes a task that needs no supervisor any more out of the queue. */
export function leaveQueue(store: Store, task: TaskName): void {
  locked(store, () => {
    for (const ticket of readTickets(store)) {
      if (ticket.task === task) removeTicket(store, ticket);
    }
  });
}

/**
 * Wakes the first of each line, where there may be something to do for it after a change in a
 * group. Under the queue's lock.
 */
export function wakeNext(store: Store, changed: string | undefined): void {
  const tickets = readTickets(store);
  const waiting = tickets.filter(({ stage }) => stage === 'waiting');
  for (const group of new Set(waiting.map((ticket) => ticket.group))) {
    const first = lineOf(tickets, group).find(({ task }) => isLocked(taskPaths(store, task).lock));
    const record = first && recordOf(store, first);
    if (!record) continue;
    const blockers = findBlockers(store, tickets, record);
    // It waits for a single one already. Which ones several are may have changed.
    const isConcerned = group === changed || record.maxRunning !== null;
    if (blockers.length === 0 || (blockers.length > 1 && isConcerned)) {
      sendWakeup(record.supervisorPid);
    }
  }
}

/** Wakes those that are to run after a task, once it has ended. */
export function wakeDependents(store: Store, task: TaskName): void {
  for (const ticket of readTickets(store).filter(({ stage }) => stage === 'held')) {
    const record = recordOf(store, ticket);
    if (record?.awaiting?.includes(task)) sendWakeup(record.supervisorPid);
  }
}

/** The tasks that unfinished ones are to run after and have not been seen to complete. */
export function awaitedTasks(store: Store): ReadonlySet<TaskName> {
  const held = readTickets(store).filter(({ stage }) => stage === 'held');
  return new Set(held.flatMap((ticket) => recordOf(store, ticket)?.awaiting ?? []));
}
