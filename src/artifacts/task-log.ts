import { closeSync, fstatSync, readSync } from 'node:fs';
import type { ArchiveReader } from '../archive/index.ts';
import { reasonOf, TaskfsError } from '../errors.ts';
import { openRegularFile } from '../files/index.ts';
import { LogTimes, type Store, type TaskName, taskPaths } from '../store/index.ts';
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
  /** When what came, up to now; undefined where that was not recorded. */
  times(): LogTimes | undefined;
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
  const paths = taskPaths(store, task);
  using opened = new DisposableStack();
  const bytes = opened.use(
    openLive(paths.log, task) ?? ofArchive(await openArchiveOf(store, task, findIdentities)),
  );
  let times: LogTimes | undefined;
  const kept = opened.move();
  return {
    size: bytes.size,
    read: bytes.read,
    times: () => {
      times?.readOn();
      times ??= LogTimes.open(paths.logTimes);
      return times;
    },
    [Symbol.dispose]: () => {
      times?.[Symbol.dispose]();
      kept.dispose();
    },
  };
}

type LogBytes = Omit<TaskLog, 'times'>;

const ofArchive = (reader: ArchiveReader): LogBytes => ({
  size: () => reader.logSize(),
  read: (into, offset) => reader.readLog(into, offset),
  [Symbol.dispose]: () => reader.close(),
});

function openLive(path: string, task: TaskName): LogBytes | undefined {
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
    throw new TaskfsError('failed', `the log of task ${task} cannot be read: ${reasonOf(cause)}`, {
      cause,
    });
  }
}
