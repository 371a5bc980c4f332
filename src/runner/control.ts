import { TaskfsError } from '../errors.ts';
import {
  isFinal,
  isLocked,
  readEvents,
  readRecord,
  type Store,
  type TaskName,
  type TaskRecord,
  taskPaths,
} from '../store/index.ts';
import { monotonicMs } from '../sys/index.ts';
import { recoverTask } from './recover.ts';
import { isRequested, makeRequest, NOT_PAUSED, NOT_RESUMED, setRequest } from './requests.ts';
import { assertNotOfCopy, describeElsewhere, unseenSupervisor } from './supervisor-liveness.ts';
import { waitForRecord } from './wait.ts';
import { sendWakeup } from './wakeup-signal.ts';

/**
 * Asks for a task's end, from any process: SIGTERM to all its processes, SIGKILL after its grace
 * period; at once with `kill`. A queued task never starts. Returns when the request is on disk and
 * its supervisor was woken, or false where the task had ended already; where no supervisor lives,
 * the task is ended here. `say` is called where another machine is asked. `waitFor` waits for its
 * end. Throws `failed` where the store is a copy of the one that the task runs in.
 */
export async function cancel(
  store: Store,
  task: TaskName,
  options: { readonly kill?: boolean; readonly say?: (words: string) => void } = {},
): Promise<boolean> {
  const paths = taskPaths(store, task);
  const record = readRecord(paths.record, task);
  if (isFinal(record.status)) return false;
  assertNotOfCopy(store, record);
  const elsewhere = findElsewhere(store, record);
  makeRequest(paths.directory, options.kill ? 'kill' : 'cancel');
  if (elsewhere !== undefined) {
    options.say?.(`Task ${task} is supervised by ${elsewhere}, which is asked through the store.`);
  }
  await wake(store, record);
  if (record.status === 'queued') await untilEnded(store, task);
  return true;
}

/** Names the supervisor that only the store leads to; undefined where it is here, or none is. */
function findElsewhere(store: Store, record: TaskRecord): string | undefined {
  const elsewhere = unseenSupervisor(store, record);
  return elsewhere && describeElsewhere(elsewhere);
}

/**
 * How long the end of a queued task is waited for, in milliseconds: it has nothing to do any more.
 */
const QUEUED_END_MS = 2000;

/** One by one: each queued task becomes a Node process to end itself, and there may be hundreds. */
async function untilEnded(store: Store, task: TaskName): Promise<void> {
  const deadline = Date.now() + QUEUED_END_MS;
  await waitForRecord(store, task, ({ status }) => isFinal(status) || Date.now() > deadline);
}

/**
 * Stops all processes of a running task until `resume`; its timeout still counts. Throws `usage`
 * where it does not run, `failed` where its engine cannot do it now, or its supervisor does not
 * answer.
 */
export async function pause(store: Store, task: TaskName): Promise<void> {
  await setPaused(store, task, true);
}

/** Continues a paused task. Throws as `pause` does. */
export async function resume(store: Store, task: TaskName): Promise<void> {
  await setPaused(store, task, false);
}

async function setPaused(store: Store, task: TaskName, paused: boolean): Promise<void> {
  const paths = taskPaths(store, task);
  const record = readRecord(paths.record, task);
  if (record.status !== 'running') {
    const verb = paused ? 'paused' : 'resumed';
    const how = isFinal(record.status) ? 'has ended' : `is ${record.status}`;
    throw new TaskfsError('usage', `task ${task} ${how}: it cannot be ${verb}`, {
      hint: 'Only a running task can.',
    });
  }
  assertNotOfCopy(store, record);
  const elsewhere = findElsewhere(store, record);
  const deadline = elsewhere === undefined ? Infinity : monotonicMs() + ANSWER_MS;
  setRequest(paths.directory, 'pause', paused);
  await wake(store, record);
  const isRefused = (): boolean => isRequested(paths.directory, 'pause') !== paused;
  const isDone = (now: TaskRecord): boolean => now.paused === paused || isFinal(now.status);
  const isLate = (): boolean => monotonicMs() > deadline;
  const now = await waitForRecord(store, task, (seen) => isDone(seen) || isRefused() || isLate());
  if (isDone(now)) return;
  if (isRefused()) throw refused(paths.events, task, paused);
  setRequest(paths.directory, 'pause', !paused);
  throw unanswered(task, paused, `${elsewhere}`);
}

/** How long another machine may take to answer, in milliseconds: it polls the store. */
const ANSWER_MS = 10_000;

function unanswered(task: TaskName, paused: boolean, elsewhere: string): TaskfsError {
  const verb = paused ? 'paused' : 'resumed';
  return new TaskfsError('failed', `task ${task} was not ${verb}: ${elsewhere} does not answer`, {
    hint: 'It supervises the task, and has to share this store.',
  });
}

function refused(events: string, task: TaskName, paused: boolean): TaskfsError {
  const type = paused ? NOT_PAUSED : NOT_RESUMED;
  const told = readEvents(events).findLast((event) => event.type === type);
  const why = told ? String(told.error) : 'another request came in between';
  const verb = paused ? 'paused' : 'resumed';
  return new TaskfsError('failed', `task ${task} could not be ${verb}: ${why}`, {
    hint: "It continues as before; 'taskfs cancel' ends it.",
  });
}

async function wake(store: Store, record: TaskRecord): Promise<void> {
  if (isLocked(taskPaths(store, record.task).lock)) {
    sendWakeup(record.supervisorPid);
    return;
  }
  await recoverTask(store, record.task, { scope: 'unfinished' });
}
