import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { isTaskName, type TaskName } from './task-name.ts';

/** Where everything of one store lies. A plain value: it may be sent to a worker thread. */
export interface Store {
  readonly path: string;
  readonly keys: string;
  readonly tasks: string;
  readonly staging: string;
  readonly archive: string;
}

/** Where the parts of the store in a directory lie; nothing is checked or made. */
export function storeAt(path: string): Store {
  return {
    path,
    keys: join(path, 'keys'),
    tasks: join(path, 'tasks'),
    staging: join(path, 'staging'),
    archive: join(path, 'archive'),
  };
}

/** Where everything of one task lies. */
export interface TaskPaths {
  readonly directory: string;
  readonly record: string;
  readonly events: string;
  readonly log: string;
  /** When which part of the log came (log-times.ts). */
  readonly logTimes: string;
  /** flock'd by the task's supervisor for as long as it lives. */
  readonly lock: string;
  /** flock'd shared by whoever has a file of the task open for writing through a mount. */
  readonly writers: string;
  /** Who can open this task's archive beside the store's recipients. */
  readonly recipients: string;
  readonly staging: string;
  /** What staging is called while it is sealed (set-aside.ts). */
  readonly aside: string;
  readonly archive: string;
}

/** Where everything of a task lies. */
export function taskPaths(store: Store, task: TaskName): TaskPaths {
  const directory = join(store.tasks, task);
  return {
    directory,
    record: join(directory, 'task.json'),
    events: join(directory, 'events.jsonl'),
    log: join(directory, 'log'),
    logTimes: join(directory, 'log.times'),
    lock: join(directory, 'lock'),
    writers: join(directory, 'writers'),
    recipients: join(directory, 'recipients'),
    staging: join(store.staging, task),
    aside: join(store.staging, asideName(task)),
    archive: join(store.archive, task),
  };
}

/**
 * The byte of a task's `writers` that a server also locks (fcntl, to read) while somebody may write
 * to files through the kernel alone, which asks no server: such a writer cannot be cut off.
 */
export const DIRECT_WRITERS = { start: 0n, end: 0n } as const;

const ASIDE = /^\.(.*)\.sealing$/;

/** The name of a task's files in the staging directory while they are sealed; no task's own. */
export const asideName = (task: TaskName): string => `.${task}.sealing`;

/** The task that a name in the staging directory belongs to, under whichever of its two names. */
export function taskOfStaging(name: string): TaskName | undefined {
  const task = ASIDE.exec(name)?.[1] ?? name;
  return isTaskName(task) ? task : undefined;
}

/** Names of all tasks, oldest first by name. */
export function listTasks(store: Store): TaskName[] {
  return readdirSync(store.tasks).filter(isTaskName).sort();
}
