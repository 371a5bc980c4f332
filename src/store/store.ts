import { chmodSync, existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf, TaskfsError } from '../errors.ts';
import { readRegularFile, writeFileAtomic } from '../files/index.ts';
import { rawVariable } from '../process/index.ts';
import { assertSafePlace } from './safe-place.ts';
import { isTaskName, type TaskName } from './task-name.ts';
import { absoluteTextPath, dataDirectory } from './user-path.ts';

/** The format of the whole directory; another number is refused. */
const FORMAT = 1;

/** Where everything of one store lies. A plain value: it may be sent to a worker thread. */
export interface Store {
  readonly path: string;
  readonly keys: string;
  readonly tasks: string;
  readonly staging: string;
  readonly archive: string;
}

/** Where everything of one task lies. */
export interface TaskPaths {
  readonly directory: string;
  readonly record: string;
  readonly events: string;
  readonly log: string;
  /** flock'd by the task's supervisor for as long as it lives. */
  readonly lock: string;
  /** flock'd shared by whoever has a file of the task open for writing through a mount. */
  readonly writers: string;
  readonly staging: string;
  /** What staging is called while it is sealed (set-aside.ts). */
  readonly aside: string;
  readonly archive: string;
}

export function taskPaths(store: Store, task: TaskName): TaskPaths {
  const directory = join(store.tasks, task);
  return {
    directory,
    record: join(directory, 'task.json'),
    events: join(directory, 'events.jsonl'),
    log: join(directory, 'log'),
    lock: join(directory, 'lock'),
    writers: join(directory, 'writers'),
    staging: join(store.staging, task),
    aside: join(store.staging, asideName(task)),
    archive: join(store.archive, task),
  };
}

/**
 * The byte of a task's `writers` that a server locks besides (fcntl, to read) while the kernel writes
 * to a file for who opened it, by passthrough: such a writer cannot be cut off.
 */
export const DIRECT_WRITERS = { start: 0n, end: 0n } as const;

const ASIDE = /^\.(.*)\.sealing$/;

/** The name in the staging directory that a task's files have while they are sealed; no task's own. */
export const asideName = (task: TaskName): string => `.${task}.sealing`;

/** The task that a name in the staging directory belongs to, under whichever of its two names. */
export function taskOfStaging(name: string): TaskName | undefined {
  const task = ASIDE.exec(name)?.[1] ?? name;
  return isTaskName(task) ? task : undefined;
}

/**
 * The store's directory: the one asked for, $TASKFS_STORE, or the user's data directory. Throws
 * `usage` where that is no path, or not UTF-8.
 */
export function storePath(asked: string | undefined): string {
  const named = asked || rawVariable('TASKFS_STORE');
  return absoluteTextPath(named || join(dataDirectory(), 'taskfs'), 'the path of the store');
}

function layout(path: string): Store {
  return {
    path,
    keys: join(path, 'keys'),
    tasks: join(path, 'tasks'),
    staging: join(path, 'staging'),
    archive: join(path, 'archive'),
  };
}

/** Whether a store is there. Throws `usage` where that cannot be seen, for it is somebody else's. */
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
  if (existsSync(path)) assertEmptyOrOurs(path);
  const store = layout(path);
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    if (readdirSync(path).length === 0) chmodSync(path, 0o700);
    assertPrivate(path);
    for (const part of [store.keys, store.tasks, store.staging, store.archive]) {
      mkdirSync(part, { recursive: true, mode: 0o700 });
    }
    writeFileAtomic(join(path, 'store.json'), `${JSON.stringify({ format: FORMAT })}\n`);
  } catch (cause) {
    if (cause instanceof TaskfsError) throw cause;
    throw new TaskfsError('failed', `cannot make a store in ${path}: ${messageOf(cause)}`, {
      hint: 'Free space or choose another place with --store or TASKFS_STORE.',
      cause,
    });
  }
  return store;
}

const PARTS = new Set([
  'keys',
  'tasks',
  'staging',
  'archive',
  'edits',
  'store.json',
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
 * Opens a store that is there. Throws `not-found`, or `usage` where it is of another format, owner or
 * mode, or in a place where others could replace it.
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
  const store = layout(path);
  for (const part of [store.tasks, store.staging, store.archive]) makeAnew(part);
  return store;
}

/** A backup may have left out directories that were empty. On a file system that is read-only they stay away. */
function makeAnew(part: string): void {
  try {
    mkdirSync(part, { mode: 0o700 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EEXIST' && code !== 'EROFS') throw error;
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
  const format = readFormat(path);
  if (format === FORMAT) return;
  throw new TaskfsError(
    'usage',
    `${path} says format ${JSON.stringify(format)}; this taskfs knows format ${FORMAT}`,
    {
      hint: 'Use the taskfs that made it, or a newer one.',
    },
  );
}

const MAX_STORE_FILE = 64 * 1024;

function readFormat(path: string): unknown {
  try {
    return (
      (JSON.parse(readRegularFile(path, MAX_STORE_FILE).toString('utf8')) as { format?: unknown })
        .format ?? null
    );
  } catch (cause) {
    throw new TaskfsError('damaged', `${path} is unreadable: ${messageOf(cause)}`, { cause });
  }
}

/** Names of all tasks, oldest first by name. */
export function listTasks(store: Store): TaskName[] {
  return readdirSync(store.tasks).filter(isTaskName).sort();
}
