import { existsSync, readdirSync } from 'node:fs';
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
  /** There while the task is given another name, which it holds (rename-task.ts). */
  readonly renaming: string;
}

/** Where everything of a task lies. Neither a store's paths nor a name need to be normalized. */
export function taskPaths(store: Store, task: TaskName): TaskPaths {
  const directory = `${store.tasks}/${task}`;
  return {
    directory,
    record: `${directory}/task.json`,
    events: `${directory}/events.jsonl`,
    log: `${directory}/log`,
    logTimes: `${directory}/log.times`,
    lock: `${directory}/lock`,
    writers: `${directory}/writers`,
    recipients: `${directory}/recipients`,
    staging: `${store.staging}/${task}`,
    aside: `${store.staging}/${asideName(task)}`,
    archive: `${store.archive}/${task}`,
    renaming: `${store.tasks}/.${task}.renaming`,
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

/**
 * Those of them that are not sealed, or of which plaintext is left: told by what lies in the
 * store, however many sealed ones there are, and without reading a record.
 */
export function listUnsealedTasks(store: Store): TaskName[] {
  const staged = new Set(readdirSync(store.staging).map(taskOfStaging));
  const archived = new Set(readdirSync(store.archive));
  return listTasks(store).filter(
    (task) => !archived.has(task) || staged.has(task) || existsSync(taskPaths(store, task).log),
  );
}
