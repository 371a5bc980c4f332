import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { unlessMissing } from '../errno.ts';
import { isTaskName, type Store, type TaskName, takeLockBlocking } from '../store/index.ts';

/**
 * Which tasks are unfinished, and in which order they came: one empty file per task in
 * `tasks/.queue`, named `<stage>.<number>.<task>`, or `<stage>.<number>.<priority>:<group>.<task>`
 * where it has a priority or a group. The number grows with each submission. Changed only under
 * the queue's lock, which nobody holds for longer than a few system calls.
 */
export interface Ticket {
  readonly stage: Stage;
  readonly number: number;
  readonly task: TaskName;
  /** Higher ones come first. */
  readonly priority: number;
  readonly group: string | undefined;
}

/**
 * Held until other tasks complete; waiting for a slot; holding one; or past it: being ended and
 * sealed.
 */
export type Stage = 'held' | 'waiting' | 'running' | 'ending';

const queueDirectory = (store: Store): string => join(store.tasks, '.queue');

function fileName({ stage, number, task, priority, group = '' }: Ticket): string {
  const line = priority === 0 && group === '' ? '' : `${priority}:${group}.`;
  return `${stage}.${String(number).padStart(8, '0')}.${line}${task}`;
}

const ticketPath = (store: Store, ticket: Ticket): string =>
  join(queueDirectory(store), fileName(ticket));

/** Does something under the queue's lock, which is made where there is none. */
export function locked<T>(store: Store, action: () => T): T {
  mkdirSync(queueDirectory(store), { recursive: true, mode: 0o700 });
  using _lock = takeLockBlocking(join(queueDirectory(store), 'lock'));
  return action();
}

const PATTERN = /^(held|waiting|running|ending)\.(\d{8,})\.(?:(-?\d+):([\w-]*)\.)?(.+)$/;

/** All tickets, oldest first. */
export function readTickets(store: Store): Ticket[] {
  const tickets: Ticket[] = [];
  for (const name of readNames(queueDirectory(store))) {
    const [, stage, number, priority, group, task] = PATTERN.exec(name) ?? [];
    if (task === undefined || !isTaskName(task)) continue;
    tickets.push({
      stage: stage as Stage,
      number: Number(number),
      task,
      priority: Number(priority ?? 0),
      group: group || undefined,
    });
  }
  return tickets.sort((a, b) => a.number - b.number);
}

const readNames = (path: string): string[] => unlessMissing(() => readdirSync(path)) ?? [];

/** The order of a queue: the highest priority first, then the oldest. */
export const inLine = (one: Ticket, other: Ticket): number =>
  other.priority - one.priority || one.number - other.number;

/**
 * Tasks that are not finished as far as the queue knows, in the order in which they come: recovered
 * in another one, the second would start before the first is there again.
 */
export function unfinishedTasks(store: Store): TaskName[] {
  return readTickets(store)
    .sort(inLine)
    .map((ticket) => ticket.task);
}

/** Writes a new ticket. Under the queue's lock. */
export function addTicket(store: Store, ticket: Ticket): void {
  writeFileSync(ticketPath(store, ticket), '', { mode: 0o600 });
}

/** Removes a ticket; no error where it is gone. Under the queue's lock. */
export function removeTicket(store: Store, ticket: Ticket): void {
  rmSync(ticketPath(store, ticket), { force: true });
}

/** Moves a ticket to another stage. Under the queue's lock. */
export function moveTicket(store: Store, ticket: Ticket, stage: Stage): void {
  renameSync(ticketPath(store, ticket), ticketPath(store, { ...ticket, stage }));
}
