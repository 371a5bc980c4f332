import {
  type Group,
  listGroups as list,
  removeGroup as remove,
  setGroup as set,
} from '../runner/index.ts';
import type { Store } from './store.ts';

/** The groups of a store by name: their limits, and how many of their tasks run and wait. */
export function listGroups(store: Store): Group[] {
  return list(store.paths);
}

/**
 * Makes a group, of whose tasks `limit` run at once, or changes its limit. Throws TaskfsError
 * `usage`.
 */
export function setGroup(store: Store, group: string, limit: number): void {
  set(store.paths, group, limit);
}

/** Removes a group. Throws TaskfsError `not-found`, `usage` while a task of it is unfinished. */
export function removeGroup(store: Store, group: string): void {
  remove(store.paths, group);
}
