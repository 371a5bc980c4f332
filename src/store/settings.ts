import { join } from 'node:path';
import { messageOf, TaskfsError } from '../errors.ts';
import { readRegularFile, writeFileAtomic } from '../files/index.ts';
import type { Store } from './paths.ts';

/** `store.json`: the format of the store, and a member for each thing that was set for it. */
const settingsPath = (store: Store): string => join(store.path, 'store.json');
const MAX_SETTINGS = 64 * 1024;

function readSettings(store: Store): Record<string, unknown> {
  const path = settingsPath(store);
  try {
    return JSON.parse(readRegularFile(path, MAX_SETTINGS).toString('utf8'));
  } catch (cause) {
    throw new TaskfsError('damaged', `${path} is unreadable: ${messageOf(cause)}`, { cause });
  }
}

/** A member of the store's settings; undefined where it was not set. Throws `damaged`. */
export const readSetting = (store: Store, name: string): unknown => readSettings(store)[name];

/** Sets a member of the store's settings, or removes it with undefined. Throws `damaged`. */
export function writeSetting(store: Store, name: string, value: object | undefined): void {
  const { [name]: _, ...others } = readSettings(store);
  const settings = value === undefined ? others : { ...others, [name]: value };
  writeFileAtomic(settingsPath(store), `${JSON.stringify(settings)}\n`);
}
