import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TaskfsError } from '../errors.ts';
import {
  isLocked,
  isTaskName,
  readRecord,
  type Store,
  type TaskName,
  type TaskRecord,
  takeLockBlocking,
  taskPaths,
} from '../store/index.ts';
import { isSupervised } from './supervisor-liveness.ts';
import { sendWakeup } from './wakeup-signal.ts';

/**
 * Which tasks are unfinished, and in which order they came: one empty file per task in
 * `tasks/.queue`, named `<stage>.<number>.<task>`. The number grows with each submission. Changed
 * only under the queue's lock, which nobody holds for longer than a few system calls. A ticket
 * counts as long as the supervisor of its task lives, so a killed one never blocks the queue.
 */
interface Ticket {
  readonly stage: Stage;
  readonly number: number;
  readonly task: TaskName;
}

/** Waiting for a slot, holding one, or past it: being ended and sealed. */
type Stage = 'waiting' | 'running' | 'ending';

const queueDirectory = (store: Store): string => join(store.tasks, '.queue');
const fileName = ({ stage, number, task }: Ticket): string =>
  `${stage}.${String(number).padStart(8, '0')}.${task}`;

function locked<T>(store: Store, action: () => T): T {
  mkdirSync(queueDirectory(store), { recursive: true, mode: 0o700 });
  using _lock = takeLockBlocking(join(queueDirectory(store), 'lock'));
  return action();
}

const PATTERN = /^(waiting|running|ending)\.(\d{8,})\.(.+)$/;

function readTickets(store: Store): Ticket[] {
  const tickets: Ticket[] = [];
  for (const name of readNames(queueDirectory(store))) {
    const [, stage, number, task] = PATTERN.exec(name) ?? [];
    if (task === undefined || !isTaskName(task)) continue;
    tickets.push({ stage: stage as Stage, number: Number(number), task });
  }
  return tickets.sort((a, b) => a.number - b.number);
}

function readNames(path: string): string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Tasks that are not finished as far as the queue knows, oldest first. */
export function unfinishedTasks(store: Store): TaskName[] {
  return readTickets(store).map((ticket) => ticket.task);
}

/** Puts a task at the end of the queue; `publish` makes it visible, under the queue's lock. */
export function enterQueue(store: Store, task: TaskName, publish: () => void): void {
  locked(store, () => {
    const tickets = readTickets(store);
    const number = (tickets.at(-1)?.number ?? 0) + 1;
    const path = join(queueDirectory(store), fileName({ stage: 'waiting', number, task }));
    writeFileSync(path, '', { mode: 0o600 });
    try {
      publish();
    } catch (error) {
      rmSync(path, { force: true });
      throw error;
    }
  });
}

/**
 * Takes a slot for a waiting task, if it is the oldest one waiting and fewer than `maxRunning`
 * tasks run. Null is no limit: such a task waits for nobody. `record` writes the start down, under
 * the queue's lock: start times are in the order of the queue. Returns whether the slot was had.
 */
export function takeSlot(
  store: Store,
  task: TaskName,
  maxRunning: number | null,
  record: () => void,
): boolean {
  return locked(store, () => {
    const tickets = readTickets(store);
    const own = tickets.find((ticket) => ticket.task === task);
    if (findBlockers(store, tickets, task, maxRunning).length > 0) return false;
    record();
    if (own) move(store, own, 'running');
    wakeNext(store, tickets, task);
    return true;
  });
}

/**
 * The tasks that a waiting one waits for: the one before it in the queue, or, where it is the
 * first, those that run in the slots. Nothing: it may start.
 */
export function blockersOf(store: Store, task: TaskName, maxRunning: number | null): TaskName[] {
  return locked(store, () => findBlockers(store, readTickets(store), task, maxRunning));
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
  task: TaskName,
  maxRunning: number | null,
): TaskName[] {
  if (maxRunning === null) return [];
  const isAlive = (ticket: Ticket): boolean => isTicketAlive(store, ticket);
  const own = tickets.find((ticket) => ticket.task === task);
  const others = tickets.filter((ticket) => ticket.task !== task);
  const older = others.filter(
    ({ stage, number }) => stage === 'waiting' && number < (own?.number ?? 0),
  );
  const before = older.findLast(isAlive);
  if (before) return [before.task];
  const running = others.filter(({ stage }) => stage === 'running').filter(isAlive);
  return running.length < maxRunning ? [] : running.map((ticket) => ticket.task);
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
    const tickets = readTickets(store);
    const own = tickets.find((ticket) => ticket.task === task);
    if (own) move(store, own, 'ending');
    wakeNext(store, tickets, task);
  });
}

/** Takes a task that needs no supervisor any more out of the queue. */
export function leaveQueue(store: Store, task: TaskName): void {
  locked(store, () => {
    for (const ticket of readTickets(store)) {
      if (ticket.task === task) rmSync(join(queueDirectory(store), fileName(ticket)));
    }
  });
}

function move(store: Store, ticket: Ticket, stage: Stage): void {
  const directory = queueDirectory(store);
  renameSync(join(directory, fileName(ticket)), join(directory, fileName({ ...ticket, stage })));
}

/** Wakes the oldest task that waits, where there may be something to do for it. */
function wakeNext(store: Store, tickets: Ticket[], except: TaskName): void {
  const waiting = tickets.filter((ticket) => ticket.stage === 'waiting' && ticket.task !== except);
  const next = waiting.find((ticket) => isLocked(taskPaths(store, ticket.task).lock));
  const record = next && recordOf(store, next);
  if (!record) return;
  const { supervisorPid, maxRunning } = record;
  const blockers = findBlockers(store, readTickets(store), record.task, maxRunning);
  // It waits for a single one already. Which ones several are may have changed.
  if (blockers.length !== 1) sendWakeup(supervisorPid);
}
