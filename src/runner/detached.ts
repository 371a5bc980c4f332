import type { ChildProcess, StdioOptions } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { BACKGROUND_NAME, spawnInBackground } from '../background-process.ts';
import { messageOf, TaskfsError } from '../errors.ts';
import { readRecord, replaceRecord, type Store, type TaskName, taskPaths } from '../store/index.ts';
import { keepMemoryPrivate } from '../sys/index.ts';
import { type Caller, detachedCaller } from './caller.ts';
import type { Claim } from './claim.ts';
import { blockersOf } from './queue.ts';
import { startWaiter } from './queue-waiter.ts';
import { isToEnd } from './requests.ts';
import { adoptClaim } from './submit.ts';
import { resumeTask, superviseTask } from './supervise.ts';

/** What a detached supervisor is told, through its stdin: secrets go neither into argv nor to disk. */
type Assignment =
  | {
      readonly work: 'run';
      readonly env: Readonly<Record<string, string>>;
      readonly caller: Caller;
    }
  | { readonly work: 'resume' };

/** The descriptor on which a detached supervisor inherits the task's lock. */
const LOCK_FD = 3;

/** What a detached supervisor prints once the task is its own. */
const READY = 'ready\n';

/**
 * Hands a claimed task on to a supervisor process of its own, which lives on when this one ends; while
 * others come before it in the queue, to a smaller one that becomes its supervisor.
 * `cliMain` is the path of the command line's main module, whose hidden verb `supervise` calls
 * `superviseDetached`. Resolves with the supervisor's pid when it holds the lock and has read its
 * assignment; throws `failed` with the reason where it did not get that far: the task is then ended
 * by recovery. The claim is given up either way.
 */
export async function startDetached(
  claim: Claim,
  env: Readonly<Record<string, string>>,
  cliMain: string,
): Promise<number> {
  const caller = detachedCaller();
  return startOrQueue(claim, { work: 'run', env, caller }, cliMain);
}

async function startOrQueue(
  claim: Claim,
  assignment: Assignment,
  cliMain: string,
): Promise<number> {
  if (!isQueued(claim)) return handOver(claim, assignment, cliMain);
  // It becomes the supervisor by exec, which keeps no other name.
  const program = [process.execPath, ...argumentsOf(claim, cliMain), BACKGROUND_NAME];
  return givingUp(claim, () => startWaiter(claim, JSON.stringify(assignment), program));
}

/**
 * Starts who takes over a claim, and gives it up. Where that fails the caller is told, so that nobody
 * starts the task any more: its record names no supervisor.
 */
async function givingUp(claim: Claim, start: () => Promise<number>): Promise<number> {
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

/** Whether others come before a task; not where it is to end. */
function isQueued({ store, task, record }: Claim): boolean {
  const { directory } = taskPaths(store, task);
  if (record.status !== 'queued' || record.maxRunning === null || isToEnd(directory)) return false;
  return blockersOf(store, task, record.maxRunning).length > 0;
}

/** What Node is given to be the supervisor of a task. */
const argumentsOf = ({ store, task }: Claim, cliMain: string): readonly string[] => [
  ...process.execArgv,
  cliMain,
  'supervise',
  task,
  '--store',
  store.path,
];

/** Hands a task whose supervisor died on to a new one, which follows its run again. */
export async function resumeDetached(claim: Claim, cliMain: string): Promise<number> {
  return handOver(claim, { work: 'resume' }, cliMain);
}

async function handOver(claim: Claim, assignment: Assignment, cliMain: string): Promise<number> {
  return givingUp(claim, async () => {
    const stdio: StdioOptions = ['pipe', 'pipe', 'pipe', claim.lock.fd];
    const child = spawnInBackground(argumentsOf(claim, cliMain), stdio);
    await isReady(child, JSON.stringify(assignment));
    child.unref();
    return child.pid ?? 0;
  });
}

async function isReady(child: ChildProcess, assignment: string): Promise<void> {
  const { stdin, stdout, stderr } = child;
  if (!stdin || !stdout || !stderr) throw new TypeError('the supervisor was spawned without pipes');
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

/**
 * The whole life of a detached supervisor: takes over the inherited lock, reads its assignment from
 * stdin, reports that it is ready, supervises. For the hidden verb `supervise` only.
 */
export async function superviseDetached(
  store: Store,
  task: TaskName,
  cliMain: string,
): Promise<void> {
  const claim = adoptClaim(store, task, LOCK_FD);
  keepMemoryPrivate();
  const assignment = JSON.parse(await text(process.stdin)) as Assignment;
  // Nobody listens from here on: a broken pipe is no error.
  process.stdout.on('error', () => {});
  process.stderr.on('error', () => {});
  process.stdout.write(READY);
  if (assignment.work === 'resume') await resumeTask(claim);
  else if (isQueued(claim)) await startOrQueue(claim, assignment, cliMain);
  else await superviseTask(claim, assignment.env, { caller: assignment.caller });
}
