import { closeSync, constants, openSync } from 'node:fs';
import { Errno, errno, unlessRefused } from '../errno.ts';
import {
  readRecord,
  type Store,
  type TaskName,
  type TaskRecord,
  taskPaths,
} from '../store/index.ts';
import { O_PATH, statAt } from '../sys/index.ts';

interface Known {
  readonly ino: bigint;
  readonly mtimeNs: bigint;
  readonly record: TaskRecord;
}

/** How many records are remembered; another is read again. */
const LIMIT = 1024;

/**
 * The records of tasks, read again when they were replaced: one statx tells, since a record is
 * only ever replaced as a whole by a rename.
 */
export class TaskRecords {
  private readonly store: Store;
  private readonly tasks: number;
  private readonly known = new Map<TaskName, Known>();

  constructor(store: Store) {
    this.store = store;
    this.tasks = openSync(store.tasks, O_PATH | constants.O_DIRECTORY);
  }

  /** Throws ENOENT where there is no such task, EIO where its record is unreadable. */
  get(task: TaskName): TaskRecord {
    const { ino, mtimeNs } = statAt(this.tasks, `${task}/task.json`);
    const known = this.known.get(task);
    if (known && known.ino === ino && known.mtimeNs === mtimeNs) return known.record;
    const record = this.read(task);
    if (this.known.size >= LIMIT) this.known.clear();
    this.known.set(task, { ino, mtimeNs, record });
    return record;
  }

  /** The record, or undefined where there is none that can be read. */
  find(task: TaskName): TaskRecord | undefined {
    return unlessRefused(() => this.get(task));
  }

  private read(task: TaskName): TaskRecord {
    try {
      return readRecord(taskPaths(this.store, task).record, task);
    } catch {
      throw Errno.of(errno.EIO);
    }
  }

  close(): void {
    closeSync(this.tasks);
  }
}
