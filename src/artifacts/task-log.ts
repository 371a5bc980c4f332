import { closeSync, fstatSync, readSync } from 'node:fs';
import { messageOf, TaskfsError } from '../errors.ts';
import { openRegularFile } from '../files/index.ts';
import type { TaskName } from '../store/index.ts';
import { type Store, taskPaths } from '../store/index.ts';
import { type FindIdentities, openArchiveOf } from './open-tree.ts';

/**
 * What a task printed, wherever it is. A log that was opened while the task ran can be read to its
 * end.
 */
export interface TaskLog extends Disposable {
  /** Bytes so far. */
  size(): number;
  /** Reads at an offset; 0 where there is nothing yet. */
  read(into: Uint8Array, offset: number): number;
}

/**
 * Opens a task's log: the plain one while it is there, the sealed one afterwards. Throws as
 * `openTree`.
 */
export async function openLog(
  store: Store,
  task: TaskName,
  findIdentities: FindIdentities,
): Promise<TaskLog> {
  const live = openLive(taskPaths(store, task).log, task);
  if (live) return live;
  const reader = await openArchiveOf(store, task, findIdentities);
  return {
    size: () => reader.logSize(),
    read: (into, offset) => reader.readLog(into, offset),
    [Symbol.dispose]: () => reader.close(),
  };
}

function openLive(path: string, task: TaskName): TaskLog | undefined {
  try {
    const fd = openRegularFile(path);
    return {
      size: () => fstatSync(fd).size,
      read: (into, offset) => readSync(fd, into, 0, into.length, offset),
      [Symbol.dispose]: () => closeSync(fd),
    };
  } catch (cause) {
    if (cause instanceof TaskfsError) throw cause;
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new TaskfsError('failed', `the log of task ${task} cannot be read: ${messageOf(cause)}`, {
      cause,
    });
  }
}
