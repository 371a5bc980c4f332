import { lstatSync } from 'node:fs';
import { TaskfsError } from '../errors.ts';
import {
  listTasks,
  RecordCache,
  type Store,
  type TaskName,
  type TaskRecord,
} from '../store/index.ts';

/** No clock of a file system is coarser, but that of FAT. */
const CLOCK_TICK_MS = 1_000;

/** How the tasks of a store stand, read again only where a record was replaced. */
export class TaskStates {
  private readonly store: Store;
  private readonly records: RecordCache;
  private readonly only: TaskName | undefined;
  private listing: { readonly version: string; readonly names: readonly TaskName[] } | undefined;
  private readonly seen = new Map<TaskName, TaskRecord>();
  /** Tasks whose record cannot be read. */
  private readonly broken = new Set<TaskName>();

  /** Of one task, or of all. */
  constructor(store: Store, only: TaskName | undefined) {
    this.store = store;
    this.records = new RecordCache(store);
    this.only = only;
  }

  /** Tasks whose record is damaged, or of a newer taskfs. */
  get unreadable(): readonly TaskName[] {
    return [...this.broken].sort();
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
    for (const task of this.broken) if (!names.includes(task)) this.drop(task);
    for (const task of gone) this.drop(task);
    return { changed, gone: [...gone] };
  }

  private drop(task: TaskName): void {
    this.seen.delete(task);
    this.broken.delete(task);
    this.records.forget(task);
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
    return this.seen.get(task)?.artifacts === 'sealed';
  }

  /** Its record if that is new. */
  private read(task: TaskName): TaskRecord | 'gone' | undefined {
    const record = this.readable(task);
    if (record === undefined) return 'gone';
    if (record === 'unreadable' || record === this.seen.get(task)) return undefined;
    this.seen.set(task, record);
    return record;
  }

  private readable(task: TaskName): TaskRecord | 'unreadable' | undefined {
    try {
      const record = this.records.find(task);
      this.broken.delete(task);
      return record;
    } catch (error) {
      if (!(error instanceof TaskfsError) || this.only !== undefined) throw error;
      // One unreadable record must not hide all other tasks.
      this.broken.add(task);
      return 'unreadable';
    }
  }
}
