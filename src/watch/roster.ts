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

/** No clock of a file system is coarser, but that of FAT. */
const CLOCK_TICK_MS = 1_000;

/** How the tasks of a store stand, read again only where a record was replaced. */
export class Roster {
  private readonly store: Store;
  private readonly only: TaskName | undefined;
  private listing: { readonly version: string; readonly names: readonly TaskName[] } | undefined;
  private readonly seen = new Map<TaskName, { version: string; record: TaskRecord }>();
  /** Tasks whose record cannot be read, by its version. */
  private readonly broken = new Map<TaskName, string>();

  /** Of one task, or of all. */
  constructor(store: Store, only: TaskName | undefined) {
    this.store = store;
    this.only = only;
  }

  /** Tasks whose record is damaged, or of a newer taskfs. */
  get unreadable(): readonly TaskName[] {
    return [...this.broken.keys()].sort();
  }

  /** Reads what is new: records that changed since the last call, and tasks that are gone. */
  refresh(): { changed: TaskRecord[]; gone: TaskName[] } {
    const names = this.only === undefined ? this.names() : [this.only];
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
    for (const task of this.broken.keys()) if (!names.includes(task)) this.broken.delete(task);
    return { changed, gone: [...gone] };
  }

  /** All tasks; the directory is read again only where a name came or went. */
  private names(): readonly TaskName[] {
    const { mtimeNs } = lstatSync(this.store.tasks, { bigint: true });
    const version = String(mtimeNs);
    if (this.listing?.version === version) return this.listing.names;
    const names = listTasks(this.store);
    // Within a tick of the file system's clock, a later change has the same time.
    const isOld = Date.now() - Number(mtimeNs / 1_000_000n) > CLOCK_TICK_MS;
    this.listing = isOld ? { version, names } : undefined;
    return names;
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
    if (this.broken.get(task) === version) return undefined;
    this.broken.delete(task);
    try {
      const record = readRecord(path, task);
      this.seen.set(task, { version, record });
      return record;
    } catch (error) {
      if (!(error instanceof TaskfsError) || this.only !== undefined) throw error;
      if (error.kind === 'not-found') return 'gone';
      // One unreadable record must not hide all other tasks.
      this.broken.set(task, version);
      return undefined;
    }
  }
}

function versionOf(path: string): string | undefined {
  const stat = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return stat && `${stat.ino} ${stat.mtimeNs}`;
}
