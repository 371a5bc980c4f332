import { RecordCache, type Store, type TaskName, type TaskRecord } from '../store/index.ts';

/** How many records are remembered; another is read again. */
const LIMIT = 1024;

/** The records of tasks as a mount asks for them: one that cannot be read is as good as none. */
export class TaskRecords {
  private readonly cache: RecordCache;

  constructor(store: Store) {
    this.cache = new RecordCache(store, LIMIT);
  }

  find(task: TaskName): TaskRecord | undefined {
    try {
      return this.cache.find(task);
    } catch {
      return undefined;
    }
  }
}
