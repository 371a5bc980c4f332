import { chmodSync, existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { errno, errnoOf } from '../errno.ts';
import { reasonOf, TaskfsError } from '../errors.ts';
import {
  isDirectoryAt,
  makeDirectories,
  readRegularText,
  writeFileAtomic,
} from '../files/index.ts';
import { rawVariable } from '../process/index.ts';
import { takeLockBlocking } from './lock.ts';
import { assertInNoStore } from './new-place.ts';
import { type Store, storeAt } from './paths.ts';
import { assertSafePlace } from './safe-place.ts';
import { absoluteTextPath, dataDirectory } from './user-path.ts';

/** The format of the whole directory; another number is refused. */
export const STORE_FORMAT = 1;

/**
 * The store's directory: the one asked for, $TASKFS_STORE, or the user's data directory. Throws
 * `usage` where that is no path, or not UTF-8.
 */
export function storePath(asked: string | undefined): string {
  if (asked === '')
    throw new TaskfsError('usage', 'the path of the store is empty', {
      hint: 'Name a directory, or leave --store out.',
    });
  const named = asked ?? rawVariable('TASKFS_STORE');
  return absoluteTextPath(named || join(dataDirectory(), 'taskfs'), 'the path of the store');
}

/** Whether a store exists. Throws `usage` where that cannot be seen, for it is somebody else's. */
export function storeExists(path: string): boolean {
  try {
    statSync(join(path, 'store.json'));
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EACCES') return false;
    throw new TaskfsError(
      'usage',
      `the store ${path} belongs to another user: you may not enter it`,
      {
        hint: 'Choose a store of your own with --store or TASKFS_STORE.',
        cause,
      },
    );
  }
}

/** Makes an empty store, 0700 throughout, or completes one whose making was cut short. */
export function createStore(path: string): Store {
  assertSafePlace(path);
  assertInNoStore(path);
  if (existsSync(path)) assertEmptyOrOurs(path);
  const store = storeAt(path);
  try {
    makeDirectories(path, 0o700);
    if (readdirSync(path).length === 0) chmodSync(path, 0o700);
    assertPrivate(path);
    for (const part of [store.keys, store.tasks, store.staging, store.archive]) {
      mkdirSync(part, { recursive: true, mode: 0o700 });
    }
    writeFileAtomic(join(path, 'store.json'), `${JSON.stringify({ format: STORE_FORMAT })}\n`);
  } catch (cause) {
    if (cause instanceof TaskfsError && cause.kind === 'usage') throw cause;
    const isFull = FULL.includes(errnoOf(cause));
    throw new TaskfsError('failed', `cannot make a store in ${path}: ${reasonOf(cause)}`, {
      hint: `${isFull ? 'Free space or choose' : 'Choose'} ${ANOTHER_PLACE}.`,
      cause,
    });
  }
  return store;
}

const FULL: readonly number[] = [errno.ENOSPC, errno.EDQUOT];
const ANOTHER_PLACE = 'another place with --store or TASKFS_STORE';

/** The settings themselves are replaced by another file. */
const SETTINGS_LOCK = 'store.lock';

const PARTS = new Set([
  'keys',
  'tasks',
  'staging',
  'archive',
  'edits',
  'store.json',
  SETTINGS_LOCK,
  'seals.jsonl',
  'mount.log',
]);

function assertEmptyOrOurs(path: string): void {
  if (!statSync(path).isDirectory()) {
    throw new TaskfsError('usage', `${path} is not a directory, so it cannot be a store`);
  }
  const foreign = readdirSync(path).find((name) => !PARTS.has(name) && !name.endsWith('.tmp'));
  if (foreign === undefined) return;
  throw new TaskfsError('usage', `${path} is not a store and not empty (it holds '${foreign}')`, {
    hint: 'Choose an empty or a new directory with --store.',
  });
}

/**
 * Opens an existing store. Throws `not-found`, or `usage` where it has another format, owner or
 * mode, or is in a place where others could replace it.
 */
export function openStore(path: string): Store {
  if (!storeExists(path)) {
    throw new TaskfsError('not-found', `there is no store in ${path}`, {
      hint: "'taskfs init' makes one; --store or TASKFS_STORE choose another place.",
    });
  }
  assertSafePlace(path);
  assertPrivate(path);
  assertFormat(join(path, 'store.json'));
  const store = storeAt(path);
  for (const part of [store.keys, store.tasks, store.staging, store.archive]) ensureDirectory(part);
  return store;
}

/**
 * A backup may have left out empty directories. On a read-only file system they stay missing.
 * Throws `damaged` where something else is in the place of one.
 */
function ensureDirectory(part: string): void {
  try {
    mkdirSync(part, { mode: 0o700 });
  } catch (error) {
    const number = errnoOf(error);
    if (number === errno.EROFS) return;
    if (number !== errno.EEXIST) throw error;
    if (isDirectoryAt(part)) return;
    throw new TaskfsError('damaged', `the store is damaged: ${part} is not a directory`, {
      hint: 'Move it away, and put the directory back from a backup.',
    });
  }
}

function assertPrivate(path: string): void {
  const stat = statSync(path);
  const me = process.geteuid?.() ?? stat.uid;
  if (stat.uid !== me) {
    throw new TaskfsError(
      'usage',
      `the store ${path} belongs to uid ${stat.uid}, not to you (uid ${me})`,
      {
        hint: 'Run as its owner, or choose your own store with --store.',
      },
    );
  }
  if ((stat.mode & 0o077) === 0) return;
  const mode = (stat.mode & 0o777).toString(8).padStart(4, '0');
  throw new TaskfsError(
    'usage',
    `the store ${path} has mode ${mode}: others could read running tasks' files`,
    {
      hint: `'chmod 700 ${path}' makes it yours alone.`,
    },
  );
}

function assertFormat(path: string): void {
  const { format = null } = readSettings(path);
  if (format === STORE_FORMAT) return;
  throw new TaskfsError(
    'usage',
    `${path} says format ${JSON.stringify(format)}; this taskfs knows format ${STORE_FORMAT}`,
    {
      hint: 'Use the taskfs that made it, or a newer one.',
    },
  );
}

const MAX_SETTINGS = 64 * 1024;

/** `store.json`: the format of the store, and a member for each thing that was set for it. */
function readSettings(path: string): Record<string, unknown> {
  try {
    const settings = JSON.parse(readRegularText(path, MAX_SETTINGS));
    if (typeof settings === 'object' && settings !== null) return settings;
    throw new TypeError('it holds no JSON object');
  } catch (cause) {
    throw new TaskfsError('damaged', `${path} is unreadable: ${reasonOf(cause)}`, { cause });
  }
}

const settingsPath = (store: Store): string => join(store.path, 'store.json');

/** A member of the store's settings; undefined where it was not set. Throws `damaged`. */
export const readSetting = (store: Store, name: string): unknown =>
  readSettings(settingsPath(store))[name];

/**
 * Sets a member of the store's settings to what `make` returns, or removes it with undefined. What
 * `make` reads there is not changed by others meanwhile. Throws `damaged`, and what `make` throws.
 */
export function changeSetting(store: Store, name: string, make: () => object | undefined): void {
  using _ = takeLockBlocking(join(store.path, SETTINGS_LOCK));
  const value = make();
  const { [name]: _before, ...others } = readSettings(settingsPath(store));
  const settings = value === undefined ? others : { ...others, [name]: value };
  writeFileAtomic(settingsPath(store), `${JSON.stringify(settings)}\n`);
}
