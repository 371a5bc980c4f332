import { TaskfsError } from '../errors.ts';
import { parseGroupName, readGroups, type Store, writeGroups } from '../store/index.ts';
import { wakeNext } from './queue.ts';
import { locked, readTickets } from './queue-tickets.ts';

/** A group of tasks of which only so many run at once. */
export interface Group {
  readonly group: string;
  readonly limit: number;
  readonly running: number;
  /** In line, or held until others complete. */
  readonly waiting: number;
}

/** All groups of a store by name. Throws `damaged`. */
export function listGroups(store: Store): Group[] {
  const tickets = readTickets(store);
  const count = (group: string, stages: readonly string[]): number =>
    tickets.filter((ticket) => ticket.group === group && stages.includes(ticket.stage)).length;
  return Object.entries(readGroups(store))
    .map(([group, limit]) => ({
      group,
      limit,
      running: count(group, ['running']),
      waiting: count(group, ['held', 'waiting']),
    }))
    .sort((one, other) => (one.group < other.group ? -1 : 1));
}

/**
 * Makes a group, or changes its limit: what waits starts where there is room now, and what runs
 * beyond a lower limit keeps running. Throws `usage` for what is no name or no limit.
 */
export function setGroup(store: Store, group: string, limit: number): void {
  parseGroupName(group);
  if (!Number.isSafeInteger(limit) || limit < 1) {
    throw new TaskfsError('usage', `${limit} cannot be the limit of group ${group}`, {
      hint: 'Give a whole number, 1 or more.',
    });
  }
  locked(store, () => {
    writeGroups(store, { ...readGroups(store), [group]: limit });
    wakeNext(store, group);
  });
}

/** Removes a group. Throws `not-found`, `usage` while a task of it waits or runs. */
export function removeGroup(store: Store, group: string): void {
  locked(store, () => {
    assertGroup(store, group);
    // One that is being ended needs no slot any more.
    const busy = readTickets(store).find(
      (ticket) => ticket.group === group && ticket.stage !== 'ending',
    );
    if (busy) {
      throw new TaskfsError('usage', `task ${busy.task} of group ${group} is not finished`, {
        hint: `Wait for it, or cancel it: 'taskfs wait ${busy.task}'.`,
      });
    }
    const { [group]: _, ...others } = readGroups(store);
    writeGroups(store, others);
  });
}

/** Throws `not-found` where there is no such group. */
export function assertGroup(store: Store, group: string): void {
  if (readGroups(store)[group] !== undefined) return;
  throw new TaskfsError('not-found', `there is no group '${group}'`, {
    hint: `'taskfs group set ${group} 1' makes it; 'taskfs group' lists all.`,
  });
}
