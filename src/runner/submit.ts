import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { reasonOf, TaskfsError } from '../errors.ts';
import {
  adoptLock,
  appendEvent,
  createRecord,
  type Lock,
  makeTaskName,
  newRecord,
  parseTaskName,
  readRecord,
  replaceRecord,
  type Store,
  type TaskName,
  type TaskPaths,
  type TaskRecord,
  type TaskSpec,
  takeLock,
  taskPaths,
} from '../store/index.ts';
import { notCompleted } from './dependencies.ts';
import { makeDiskReserve } from './disk-reserve.ts';
import { assertGroup } from './groups.ts';
import type { Claim } from './journal.ts';
import { enterQueue } from './queue.ts';
import { supervisedHere } from './supervisor-liveness.ts';

/** A task as it was asked for. */
export interface Submission {
  /** The name that the user chose; made where there is none. */
  readonly name?: string | undefined;
  readonly spec: TaskSpec;
}

/**
 * Accepts a task: checks its name, makes its record, its first event, its place in the queue and
 * its staging directory (0700). The task appears as a whole, by one rename, with its lock held by
 * the caller, who must then supervise it (`superviseTask`) or hand it on (`startDetached`). Throws
 * `usage` for a name that cannot be or is in use, `not-found` for a group that is not there, or a
 * task that it is to run after, `failed` where the store cannot be written.
 */
export function submit(store: Store, submission: Submission): Claim {
  const task = submission.name === undefined ? makeTaskName() : parseTaskName(submission.name);
  const { after = [] } = submission.spec;
  const record = {
    ...newRecord(task, submission.spec),
    ...supervisedHere(store),
    ...(after.length > 0 && { awaiting: notCompleted(store, after) }),
  };
  const draft = join(store.tasks, `${DRAFT}${process.pid}-${task}`);
  try {
    const lock = writeDraft(draft, record);
    publish(store, record, draft, lock);
    return { store, task, record, lock };
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    throw explain(store, task, error);
  }
}

/**
 * What a task's directory is called before it appears, with
 * its maker's process id and its name behind.
 */
export const DRAFT = '.new-';

export const isDraft = (name: string): boolean => name.startsWith(DRAFT);

/** The process id of a draft's maker. */
export const makerOf = (name: string): number => Number.parseInt(name.slice(DRAFT.length), 10);

function writeDraft(draft: string, record: TaskRecord): Lock {
  mkdirSync(draft, { mode: 0o700 });
  const paths = inDirectory(draft);
  const lock = takeLock(paths.lock);
  if (!lock) throw new TaskfsError('failed', `${paths.lock} is held by another process`);
  makeDiskReserve(draft);
  writeFileSync(paths.log, '', { mode: 0o600 });
  createRecord(paths.record, record);
  appendEvent(paths.events, {
    type: 'submitted',
    at: record.createdAt,
    task: record.task,
    command: record.command,
  });
  return lock;
}

const inDirectory = (directory: string): Pick<TaskPaths, 'lock' | 'log' | 'record' | 'events'> => ({
  lock: join(directory, 'lock'),
  log: join(directory, 'log'),
  record: join(directory, 'task.json'),
  events: join(directory, 'events.jsonl'),
});

function publish(store: Store, record: TaskRecord, draft: string, lock: Lock): void {
  const { task, group } = record;
  const { directory, staging, aside, archive } = taskPaths(store, task);
  try {
    enterQueue(store, record, () => {
      if (group !== undefined) assertGroup(store, group);
      if ([directory, staging, aside, archive].some(existsSync)) throw inUse(task);
      renameSync(draft, directory);
    });
    mkdirSync(staging, { mode: 0o700 });
  } catch (error) {
    lock.release();
    throw error;
  }
}

function inUse(task: TaskName): TaskfsError {
  return new TaskfsError('usage', `a task named ${task} exists already`, {
    hint:
      'Choose another --name, or leave it out; a task that has ended is removed with ' +
      `'taskfs rm ${task}'.`,
  });
}

function explain(store: Store, task: TaskName, cause: unknown): unknown {
  if (cause instanceof TaskfsError) return cause;
  const { code } = cause as NodeJS.ErrnoException;
  if (code === 'ENOTEMPTY' || code === 'EEXIST') return inUse(task);
  return new TaskfsError(
    'failed',
    `task ${task} cannot be recorded in ${store.path}: ${reasonOf(cause)}`,
    { hint: 'Free space in the store, or choose another with --store.', cause },
  );
}

/**
 * Takes over a claim whose lock came with an inherited
 * descriptor: this process is the supervisor now.
 */
export function adoptClaim(store: Store, task: TaskName, fd: number): Claim {
  const { record: path } = taskPaths(store, task);
  const record = replaceRecord(path, readRecord(path, task), supervisedHere(store));
  return { store, task, record, lock: adoptLock(fd) };
}
