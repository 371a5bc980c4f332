/** Ends what runs of a store, for tests and benchmarks: nothing of vitest may enter. */
import { createProcessEngine } from '../../src/runner/engines/process/process-engine.ts';
import { listProcesses, readVariable } from '../../src/runner/engines/process/processes.ts';
import {
  isLocked,
  listTasks,
  readRecord,
  type Store,
  type TaskName,
  type TaskRecord,
  taskPaths,
} from '../../src/store/index.ts';

/** Ends everything of a store that still runs, and removes what it leaves on the machine. */
export async function endTasks(store: Store): Promise<void> {
  killAll(store);
  for (const task of listTasks(store)) await removeRun(store, task);
}

/** Removes what a killed supervisor of a local process leaves: its control group. */
async function removeRun(store: Store, task: TaskName): Promise<void> {
  const record = readWhole(store, task);
  if (record?.engine !== 'process' || !record.engineState) return;
  await createProcessEngine().remove(record.engineState);
}

/** A task's record; undefined where a test has spoilt it on purpose. */
function readWhole(store: Store, task: TaskName): TaskRecord | undefined {
  try {
    return readRecord(taskPaths(store, task).record, task);
  } catch {
    return undefined;
  }
}

/** Kills every supervisor of a store, then every process of its tasks: the reboot of a machine. */
export function killAll(store: Store): void {
  for (const task of listTasks(store)) killSupervisor(store, task);
  for (const { pid } of listProcesses()) {
    if (readVariable(pid, 'TASKFS_ARTIFACTS')?.startsWith(`${store.staging}/`)) kill(pid);
  }
}

/** kill -9 of the process that holds a task's lock; whether there was one. */
export function killSupervisor(store: Store, task: TaskName): boolean {
  const paths = taskPaths(store, task);
  if (!isLocked(paths.lock)) return false;
  const { supervisorPid } = readRecord(paths.record, task);
  return supervisorPid !== null && supervisorPid !== process.pid && kill(supervisorPid);
}

function kill(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL');
  } catch {
    return false;
  }
}
