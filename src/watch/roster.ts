import { lstatSync } from 'node:fs';
import { TaskfsError } from '../errors.ts';
import {
  listTasks,
  readRecord,
  type Store,
  type TaskName,
  type TaskRecord,
  taskPaths,
} from '../store/index.ts';

/** How the tasks of a store stand, read again only where a record was replaced. */
export class Roster {
  private readonly store: Store;
  private readonly only: TaskName | undefined;
  private readonly seen = new Map<TaskName, { version: string; record: TaskRecord }>();

  /** Of one task, or of all. */
  constructor(store: Store, only: TaskName | undefined) {
    this.store = store;
    this.only = only;
  }

  /** Reads what is new: records that changed since the last call, and tasks that are gone. */
  refresh(): { changed: TaskRecord[]; gone: TaskName[] } {
    const names = this.only === undefined ? listTasks(this.store) : [this.only];
    const gone = new Set(this.seen.keys());
    const changed: TaskRecord[] = [];
    for (const task of names) {
      if (this.isSealed(task) && this.only === undefined) {
        gone.delete(task);
        continue;
      }
      const record = this.read(task);
      if (record === 'gone') continue;
      gone.delete(task);
      if (record) changed.push(record);
    }
    for (const task of gone) this.seen.delete(task);
    return { changed, gone: [...gone] };
  }

  /** A sealed record never changes again. */
  private isSealed(task: TaskName): boolean {
    return this.seen.get(task)?.record.artifacts === 'sealed';
  }

  private read(task: TaskName): TaskRecord | 'gone' | undefined {
    const path = taskPaths(this.store, task).record;
    const version = versionOf(path);
    if (version === undefined) return 'gone';
    if (this.seen.get(task)?.version === version) return undefined;
    try {
      const record = readRecord(path, task);
      this.seen.set(task, { version, record });
      return record;
    } catch (error) {
      if (!(error instanceof TaskfsError) || this.only !== undefined) throw error;
      // One unreadable record must not hide all other tasks.
      return error.kind === 'not-found' ? 'gone' : undefined;
    }
  }
}

function versionOf(path: string): string | undefined {
  const stat = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return stat && `${stat.ino} ${stat.mtimeNs}`;
}
