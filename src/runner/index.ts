/**
 * The life of a task, from the queue to the sealed archive: supervisor, attempts, requests,
 * recovery. lifecycle.ts has its steps in order, outcome.ts decides how it ended, finish.ts takes
 * it from there to the archive. How a command is started is in engines/; the command line does not
 * enter.
 */

export { clockInDoubt, planPrune } from './apply-policy.ts';
export { currentCaller } from './caller.ts';
export { cancel, pause, resume } from './control.ts';
export {
  assertDirectory,
  type CopyingOptions,
  copyingTask,
  importTask,
  receivingTask,
} from './copying.ts';
export { startDetached } from './detached.ts';
export type { Progress, Running } from './engines/engine.ts';
export { assertPossible } from './engines/registry.ts';
export type { ExecRunning, Usage } from './engines/run-handle.ts';
export { followEvents, readAllEvents } from './feed.ts';
export { loadSealing } from './finish.ts';
export { type Group, listGroups, removeGroup, setGroup } from './groups.ts';
export type { Claim } from './journal.ts';
export { superviseTask } from './lifecycle.ts';
export { assertSealable, type Recovery, recover, recoverTask, sealAgain } from './recover.ts';
export { type Removals, removeDecided, removeTasks } from './removals.ts';
export { removalsCutShort, removeEnded } from './remove-task.ts';
export { renameTask } from './rename-task.ts';
export { specToRerun } from './rerun.ts';
export { reachRun } from './run-handle.ts';
export { type StoreFacts, storeFacts } from './store-facts.ts';
export { type Submission, submit } from './submit.ts';
export { lockWarning } from './supervisor-liveness.ts';
export { durationOf, sortTasks, TASK_ORDERS, type TaskOrder } from './task-order.ts';
export { type TaskUsage, UsageSampler } from './usage-sampler.ts';
export {
  isInterrupted,
  showCommand,
  showStatus,
  type TaskView,
  type UnreadableTask,
  viewRecord,
  viewTask,
  viewTasks,
} from './view.ts';
export { waitFor } from './wait.ts';
