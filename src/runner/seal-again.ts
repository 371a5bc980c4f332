import { TaskfsError } from '../errors.ts';
import { isFinal, readRecord, type Store, type TaskName, taskPaths } from '../store/index.ts';
import { type RecoverOptions, recoverTask } from './recover.ts';
import { assertNotElsewhere } from './supervisor-liveness.ts';

/** Throws `usage` where a task has not ended, or another machine supervises it. */
export function assertSealable(store: Store, task: TaskName): void {
  const record = readRecord(taskPaths(store, task).record, task);
  if (!isFinal(record.status)) {
    throw new TaskfsError('usage', `task ${task} is ${record.status}: it cannot be sealed yet`, {
      hint: `It is sealed when it ends: 'taskfs wait ${task}', or 'taskfs cancel ${task}'.`,
    });
  }
  assertNotElsewhere(store, record);
}

/** Seals the files of a task that has ended, if they are not. Throws `failed` where they stay. */
export async function sealAgain(
  store: Store,
  task: TaskName,
  options: Omit<RecoverOptions, 'scope'>,
): Promise<void> {
  await recoverTask(store, task, { ...options, scope: 'all' });
  const { artifacts, sealError } = readRecord(taskPaths(store, task).record, task);
  if (artifacts !== 'kept') return;
  throw new TaskfsError('failed', `task ${task} could not be sealed: ${sealError}`, {
    hint: "Its files are kept as they are. 'taskfs doctor' looks for what may be wrong.",
  });
}
