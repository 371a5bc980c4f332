import { Errno, errno, errnoOf, unlessRefused } from '../errno.ts';
import { RecordCache, type Store, type TaskName, type TaskRecord } from '../store/index.ts';

/** How many records are remembered; another is read again. */
const LIMIT = 1024;

/** The records of tasks as a mount asks for them: what cannot be had is refused with an Errno. */
export class TaskRecords {
  private readonly cache: RecordCache;

  constructor(store: Store) {
    this.cache = new RecordCache(store, LIMIT);
  }

  /** Throws ENOENT where there is no such task, EIO where its record is unreadable. */
  get(task: TaskName): TaskRecord {
    const record = this.read(task);
    if (!record) throw Errno.of(errno.ENOENT);
    return record;
  }

  /** The record, or undefined where there is none that can be read. */
  find(task: TaskName): TaskRecord | undefined {
    return unlessRefused(() => this.read(task));
  }

  private read(task: TaskName): TaskRecord | undefined {
    try {
      return this.cache.find(task);
    } catch (error) {
      throw Errno.of(errnoOf(error));
    }
  }
}
