import type { Lock, Store, TaskName, TaskRecord } from '../store/index.ts';

/** A task whose lock this process holds: only its holder changes the record, the log, the staging. */
export interface Claim {
  readonly store: Store;
  readonly task: TaskName;
  /** The record as it stood when the lock was taken. */
  readonly record: TaskRecord;
  readonly lock: Lock;
}
