import {
  type Attempt,
  isLocked,
  listTasks,
  readRecord,
  type Store,
  TaskfsError,
  type TaskName,
  type TaskRecord,
  taskPaths,
} from '../store/index.ts';

/** What `status --json` and `ps --json` show of a task: the record without what only engines need. */
export type TaskView = Omit<TaskRecord, 'engineState' | 'leftBehind' | 'attempts'> & {
  /** The process that holds the task's lock now; null where none does. */
  readonly supervisorPid: number | null;
  readonly attempts: readonly Attempt[];
};

/** One task as it stands now. Throws `not-found`, `damaged`. */
export function viewTask(store: Store, task: TaskName): TaskView {
  const paths = taskPaths(store, task);
  const { engineState: _, leftBehind: __, ...record } = readRecord(paths.record, task);
  // Sealed is the end: asking for the lock of each of ten thousand old tasks would take a while.
  const supervised = record.artifacts !== 'sealed' && isLocked(paths.lock);
  return { ...record, supervisorPid: supervised ? record.supervisorPid : null };
}

/**
 * All tasks, oldest first. A task that is removed meanwhile is left out; one whose record is damaged
 * is told to `onDamaged`, and left out too: the others are still there to be seen.
 */
export function viewTasks(store: Store, onDamaged?: (error: TaskfsError) => void): TaskView[] {
  return listTasks(store)
    .flatMap((task) => viewIfReadable(store, task, onDamaged))
    .sort((a, b) => a.createdAt.localeCompare(b.createdAt));
}

function viewIfReadable(
  store: Store,
  task: TaskName,
  onDamaged: ((error: TaskfsError) => void) | undefined,
): TaskView[] {
  try {
    return [viewTask(store, task)];
  } catch (error) {
    if (!(error instanceof TaskfsError)) throw error;
    if (error.kind === 'damaged') onDamaged?.(error);
    return [];
  }
}
