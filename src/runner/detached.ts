import type { ChildProcess } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { spawnInBackground } from '../store/background.ts';
import { messageOf, type Store, TaskfsError, type TaskName } from '../store/index.ts';
import { keepMemoryPrivate } from '../sys/index.ts';
import { type Caller, detachedCaller } from './caller.ts';
import type { Claim } from './claim.ts';
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
 * Hands a claimed task on to a supervisor process of its own, which lives on when this one ends.
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
  return handOver(claim, { work: 'run', env, caller: detachedCaller() }, cliMain);
}

/** Hands a task whose supervisor died on to a new one, which follows its run again. */
export async function resumeDetached(claim: Claim, cliMain: string): Promise<number> {
  return handOver(claim, { work: 'resume' }, cliMain);
}

async function handOver(claim: Claim, assignment: Assignment, cliMain: string): Promise<number> {
  const { store, task, lock } = claim;
  const args = [...process.execArgv, cliMain, 'supervise', task, '--store', store.path];
  try {
    const child = spawnInBackground(args, ['pipe', 'pipe', 'pipe', lock.fd]);
    await isReady(child, task, JSON.stringify(assignment));
    child.unref();
    return child.pid ?? 0;
  } finally {
    lock.release();
  }
}

async function isReady(child: ChildProcess, task: TaskName, assignment: string): Promise<void> {
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
    throw new TaskfsError(
      'failed',
      `the supervisor of task ${task} did not start: ${said || messageOf(cause)}`,
      { hint: `'taskfs recover' ends the task.`, cause },
    );
  } finally {
    for (const pipe of [stdin, stdout, stderr]) pipe.destroy();
    child.removeAllListeners();
  }
}

/**
 * The whole life of a detached supervisor: takes over the inherited lock, reads its assignment from
 * stdin, reports that it is ready, supervises. For the hidden verb `supervise` only.
 */
export async function superviseDetached(store: Store, task: TaskName): Promise<void> {
  const claim = adoptClaim(store, task, LOCK_FD);
  keepMemoryPrivate();
  const assignment = JSON.parse(await text(process.stdin)) as Assignment;
  // Nobody listens from here on: a broken pipe is no error.
  process.stdout.on('error', () => {});
  process.stderr.on('error', () => {});
  process.stdout.write(READY);
  if (assignment.work === 'run') {
    const { env, caller } = assignment;
    await superviseTask(claim, env, { caller });
  } else await resumeTask(claim);
}
