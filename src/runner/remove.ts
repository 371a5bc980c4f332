import { TaskfsError } from '../errors.ts';
import {
  readRecord,
  type Store,
  type TaskName,
  type TaskRecord,
  takeLock,
  taskPaths,
} from '../store/index.ts';
import { removeRuns } from './attempts.ts';
import { openJournal } from './journal.ts';
import { leaveQueue } from './queue.ts';
import { removeTask } from './remove-task.ts';
import { assertNotElsewhere } from './supervision-state.ts';

/**
 * Removes an ended task for good, and first what an engine still has of its runs. Returns why
 * something of them stayed, in words that name it: nobody knows of it any more then. Throws as
 * `removeTask` does.
 */
export async function removeEnded(store: Store, task: TaskName): Promise<string[]> {
  const record = recordIfWhole(store, task);
  if (record) assertNotElsewhere(store, record);
  const errors = await removeLeftRuns(store, task);
  removeTask(store, task);
  leaveQueue(store, task);
  return errors;
}

async function removeLeftRuns(store: Store, task: TaskName): Promise<string[]> {
  const paths = taskPaths(store, task);
  const left = recordIfWhole(store, task);
  // The engine may also be who can remove plaintext that stayed.
  if (!left?.unremoved && !left?.plaintext) return [];
  using lock = takeLock(paths.lock);
  if (!lock) return [];
  const record = readRecord(paths.record, task);
  return await removeRuns(openJournal({ store, task, record, lock }));
}

/** Undefined where it is damaged: then nothing is known of its runs. */
function recordIfWhole(store: Store, task: TaskName): TaskRecord | undefined {
  try {
    return readRecord(taskPaths(store, task).record, task);
  } catch (error) {
    if (error instanceof TaskfsError && error.kind === 'damaged') return undefined;
    throw error;
  }
}
