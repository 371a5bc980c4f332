/**
 * runner: the life of a task, from the queue to the sealed archive. Submitting, the supervisor and
 * its queue, requests from other processes (cancel, pause), recovery, and the engines that start
 * commands. Every process works on the store alone; there is no daemon.
 * Imports store and sys; prints nothing, and knows neither the command line nor the mount.
 */
export type { Claim } from './claim.ts';
export { cancel, pause, resume } from './control.ts';
export { startDetached, superviseDetached } from './detached.ts';
export { type FeedOptions, followEvents, readAllEvents } from './feed.ts';
export { loadSealing } from './finish.ts';
export { type RecoverOptions, type Recovery, recover, recoverTask } from './recover.ts';
export { type Submission, submit } from './submit.ts';
export { superviseTask } from './supervise.ts';
export type { SuperviseOptions } from './supervision.ts';
export { type TaskView, viewTask, viewTasks } from './view.ts';
export { waitFor } from './wait.ts';
