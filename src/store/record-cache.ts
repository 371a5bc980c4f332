import { lstatSync } from 'node:fs';
import { TaskfsError } from '../errors.ts';
import { type Store, taskPaths } from './paths.ts';
import { readRecord, type TaskRecord } from './record.ts';
import type { TaskName } from './task-name.ts';

interface Cached {
  readonly ino: bigint;
  readonly mtimeNs: bigint;
  readonly content: TaskRecord | TaskfsError;
}

/**
 * The records of tasks, each read again only once it has been replaced. One stat shows that, since
 * a record is only ever replaced as a whole, by a rename.
 */
export class RecordCache {
  private readonly store: Store;
  private readonly limit: number;
  private readonly cached = new Map<TaskName, Cached>();

  /** Remembers `limit` records at most. */
  constructor(store: Store, limit = Number.POSITIVE_INFINITY) {
    this.store = store;
    this.limit = limit;
  }

  /**
   * A task's record, the same object for as long as it is unchanged; undefined where there is no
   * such task. Throws as `readRecord` does.
   */
  find(task: TaskName): TaskRecord | undefined {
    const path = taskPaths(this.store, task).record;
    const stat = lstatSync(path, { bigint: true, throwIfNoEntry: false });
    if (!stat) return this.forget(task);
    const { ino, mtimeNs } = stat;
    const before = this.cached.get(task);
    if (before?.ino === ino && before.mtimeNs === mtimeNs) return recordIn(before.content);
    const content = contentOf(path, task);
    if (!content) return this.forget(task);
    if (this.cached.size >= this.limit) this.cached.clear();
    this.cached.set(task, { ino, mtimeNs, content });
    return recordIn(content);
  }

  /** Drops what is known of a task. */
  forget(task: TaskName): undefined {
    this.cached.delete(task);
  }
}

/** A record, or why what is there is none; undefined where the task has gone. */
function contentOf(path: string, task: TaskName): TaskRecord | TaskfsError | undefined {
  try {
    return readRecord(path, task);
  } catch (error) {
    if (!(error instanceof TaskfsError)) throw error;
    if (error.kind === 'not-found') return undefined;
    // A refusal by the system, such as EMFILE, says nothing about the record.
    if (isRefusal(error.cause)) throw error;
    return error;
  }
}

function recordIn(content: TaskRecord | TaskfsError): TaskRecord {
  if (content instanceof TaskfsError) throw content;
  return content;
}

const isRefusal = (cause: unknown): boolean =>
  typeof (cause as NodeJS.ErrnoException | undefined)?.errno === 'number';
