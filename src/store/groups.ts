import { TaskfsError } from '../errors.ts';
import type { Store } from './paths.ts';
import { changeSetting, readSetting } from './store.ts';

/** How many tasks of each group may run at once. A member of store.json. */
export type GroupLimits = Readonly<Record<string, number>>;

const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;

/** Checks the name of a group. Throws `usage`. */
export function parseGroupName(name: string): string {
  if (NAME.test(name)) return name;
  throw new TaskfsError('usage', `'${name}' cannot be the name of a group`, {
    hint: 'Use letters, digits, _ and -, up to 64 of them, a letter or a digit first.',
  });
}

/** The groups of a store. Throws `damaged`. */
export function readGroups(store: Store): GroupLimits {
  const found = Object.entries((readSetting(store, 'groups') ?? {}) as Record<string, unknown>);
  const isLimit = (entry: [string, unknown]): entry is [string, number] =>
    NAME.test(entry[0]) && Number.isSafeInteger(entry[1]) && Number(entry[1]) > 0;
  return Object.fromEntries(found.filter(isLimit));
}

/** Replaces the groups of a store. Throws `damaged`. */
export function writeGroups(store: Store, groups: GroupLimits): void {
  const value = Object.keys(groups).length === 0 ? undefined : groups;
  changeSetting(store, 'groups', () => value);
}
