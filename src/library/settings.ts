import { type AnchorState, anchorState } from '../archive/index.ts';
import {
  changePolicy as changeStorePolicy,
  type Policy,
  readPolicy,
  removeRule,
  type Selector,
  writePolicy,
} from '../retention/index.ts';
import {
  type Group,
  listGroups as list,
  removeGroup as remove,
  setGroup as set,
} from '../runner/index.ts';
import { type Anchor, writeAnchor } from '../store/index.ts';
import type { Store } from './store.ts';

/** What the store keeps; undefined where that is everything. Throws TaskfsError `damaged`. */
export function getPolicy(store: Store): Policy | undefined {
  return readPolicy(store.paths);
}

/** Sets what the store keeps; undefined: everything. Throws TaskfsError `usage`. */
export function setPolicy(store: Store, policy: Policy | undefined): void {
  writePolicy(store.paths, policy);
}

/**
 * Changes what the store keeps, as `taskfs policy set` does, and returns it: each rule replaces the
 * one about the same tasks, if there is one; other rules, and limits that are not given, stay.
 * Throws TaskfsError `usage`, `damaged`.
 */
export function changePolicy(store: Store, change: Partial<Policy>): Policy {
  return changeStorePolicy(store.paths, { rules: [], ...change });
}

/**
 * Removes the rule about the tasks that a selector names, and returns the policy. Throws
 * TaskfsError `not-found`, `damaged`.
 */
export function removePolicyRule(store: Store, select: Selector): Policy {
  return removeRule(store.paths, select);
}

/** Where new seals go, and what to keep elsewhere: who signs them, and the last one. */
export function getAnchor(store: Store): AnchorState {
  return anchorState(store.paths);
}

/**
 * Hands each new seal to a file outside of the store, or to a shell command; undefined: to none.
 * Throws TaskfsError `usage` for a file in the store.
 */
export function setAnchor(store: Store, anchor: Anchor | undefined): void {
  writeAnchor(store.paths, anchor);
}

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
