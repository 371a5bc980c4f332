import type { ChildProcess, StdioOptions } from 'node:child_process';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BACKGROUND_NAME, spawnInBackground } from '../background-process.ts';
import { messageOf, TaskfsError } from '../errors.ts';
import { readRecord, replaceRecord, type Store, type TaskName, taskPaths } from '../store/index.ts';
import { type Caller, detachedCaller } from './caller.ts';
import { hasToWait } from './dependencies.ts';
import type { Claim } from './journal.ts';
import { startQueuedProcess } from './queued-process.ts';
import { isEndRequested } from './requests.ts';

/**
 * What a detached supervisor (supervisor.ts) reads from its standard input, as JSON: secrets go
 * neither into argv nor to disk.
 */
export type Assignment = { readonly store: Store; readonly task: TaskName } & Work;

type Work =
  | {
      readonly work: 'run';
      readonly env: Readonly<Record<string, string>>;
      readonly caller: Caller;
    }
  | { readonly work: 'resume' };

const SUPERVISOR = fileURLToPath(
  new URL(`./supervisor${extname(import.meta.url)}`, import.meta.url),
);

/** The descriptor on which a detached supervisor inherits the task's lock. */
export const LOCK_FD = 3;

/** What a detached supervisor prints once the task is its own. */
export const READY = 'ready\n';

/**
 * Hands a claimed task on to a supervisor process of its own, which lives on when this one ends;
 * while others come before it in the queue, to a smaller one that becomes its supervisor. Resolves
 * with the supervisor's pid when it holds the lock and has read its assignment; throws `failed`
 * with the reason where it did not get that far: the task is then ended by recovery. The claim is
 * given up either way.
 */
export async function startDetached(
  claim: Claim,
  env: Readonly<Record<string, string>>,
): Promise<number> {
  const { store, task } = claim;
  return startOrQueue(claim, { store, task, work: 'run', env, caller: detachedCaller() });
}

/** Hands a claim on to a supervisor, or to a process that waits while others come before it. */
export async function startOrQueue(claim: Claim, assignment: Assignment): Promise<number> {
  if (!isQueued(claim)) return startSupervisor(claim, assignment);
  // It becomes the supervisor by exec, which keeps no other name.
  const program = [process.execPath, ...argumentsOf(claim), BACKGROUND_NAME];
  return releasingClaim(claim, () =>
    startQueuedProcess(claim, JSON.stringify(assignment), program),
  );
}

/**
 * Starts the process that takes over a claim, and releases it. Where that fails, the record names
 * no supervisor: the caller learns of it, so nobody starts the task later.
 */
async function releasingClaim(claim: Claim, start: () => Promise<number>): Promise<number> {
  const { store, task, lock } = claim;
  try {
    return await start();
  } catch (error) {
    const { record } = taskPaths(store, task);
    replaceRecord(record, readRecord(record, task), { supervisorPid: null });
    throw notStarted(task, error);
  } finally {
    lock.release();
  }
}

function notStarted(task: TaskName, cause: unknown): TaskfsError {
  return new TaskfsError(
    'failed',
    `the supervisor of task ${task} did not start: ${messageOf(cause)}`,
    { hint: `'taskfs recover' ends the task.`, cause },
  );
}

/** Whether a task has but to wait for others; not where it is to end. */
export function isQueued({ store, task, record }: Claim): boolean {
  const { directory } = taskPaths(store, task);
  if (record.status !== 'queued' || isEndRequested(directory)) return false;
  return hasToWait(store, record);
}

/**
 * What Node is given to be the supervisor of a task. Options of this Node are not passed on: they
 * are for the program that uses the library, as a test reporter or a debugger's port.
 */
const argumentsOf = ({ store, task }: Claim): readonly string[] => [
  SUPERVISOR,
  'supervise',
  task,
  '--store',
  store.path,
];

/** Hands a task whose supervisor died on to a new one, which follows its run again. */
export async function resumeDetached(claim: Claim): Promise<number> {
  const { store, task } = claim;
  return startSupervisor(claim, { store, task, work: 'resume' });
}

async function startSupervisor(claim: Claim, assignment: Assignment): Promise<number> {
  return releasingClaim(claim, async () => {
    const stdio: StdioOptions = ['pipe', 'pipe', 'pipe', claim.lock.fd];
    const child = spawnInBackground(argumentsOf(claim), stdio);
    await isReady(child, JSON.stringify(assignment));
    child.unref();
    return child.pid ?? 0;
  });
}

async function isReady(child: ChildProcess, assignment: string): Promise<void> {
  const { stdin, stdout, stderr } = child;
  if (!stdin || !stdout || !stderr) throw new TypeError('the supervisor was spawned without pipes');
  const { text } = process.getBuiltinModule('node:stream/consumers');
  const words = text(stderr).catch(() => '');
  try {
    await new Promise<void>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', () => reject(new Error('it ended at once')));
      stdin.on('error', () => {});
      stdin.end(assignment);
      stdout.once('data', () => resolve());
    });
  } catch (cause) {
    const said = (await words).trim();
    throw said === '' ? cause : new Error(said, { cause });
  } finally {
    for (const pipe of [stdin, stdout, stderr]) pipe.destroy();
    child.removeAllListeners();
  }
}
