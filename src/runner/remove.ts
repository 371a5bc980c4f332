import { readRecord, type Store, type TaskName, takeLock, taskPaths } from '../store/index.ts';
import { removeTask } from '../store/remove-task.ts';
import { removeRuns } from './attempts.ts';
import { openJournal } from './journal.ts';
import { assertNotElsewhere } from './presence.ts';

/**
 * Removes an ended task for good, and first what an engine still has of its runs. Returns why
 * something of them stayed, in words that name it: nobody knows of it any more then. Throws as
 * `removeTask` does.
 */
export async function removeEnded(store: Store, task: TaskName): Promise<string[]> {
  assertNotElsewhere(store, readRecord(taskPaths(store, task).record, task));
  const errors = await removeLeftRuns(store, task);
  removeTask(store, task);
  return errors;
}

async function removeLeftRuns(store: Store, task: TaskName): Promise<string[]> {
  const paths = taskPaths(store, task);
  if (!readRecord(paths.record, task).unremoved) return [];
  using lock = takeLock(paths.lock);
  if (!lock) return [];
  return await removeRuns(
    openJournal({ store, task, record: readRecord(paths.record, task), lock }),
  );
}
