import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';
import { createProcessEngine } from '../../src/runner/engines/process/process-engine.ts';
import { listProcesses, readVariable } from '../../src/runner/engines/process/processes.ts';
import { type Claim, startDetached, submit } from '../../src/runner/index.ts';
import {
  createKeys,
  createStore,
  isLocked,
  listTasks,
  parseTaskName,
  readRecord,
  type Store,
  type TaskName,
  type TaskRecord,
  type TaskSpec,
  taskPaths,
  taskSpec,
} from '../../src/store/index.ts';
import { temporaryDirectory } from './temporary.ts';

/** The runner without the command line. */
const program = join(import.meta.dirname, 'runner-program.ts');

/**
 * A fresh store with keys. When the test ends, its supervisors and all that they started are
 * killed.
 */
export async function newStore(path = join(temporaryDirectory(), 'store')): Promise<Store> {
  const store = createStore(path);
  await createKeys(store);
  onTestFinished(async () => {
    await endTasks(store);
  });
  return store;
}

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

/** A shell script as a task. */
export function shell(script: string, more: Partial<TaskSpec> = {}): TaskSpec {
  return taskSpec(['sh', '-c', script], { cwd: '/', options: { graceMs: 500 }, ...more });
}

/** Submits a task and leaves it to a detached supervisor, as `run -d` does. */
export async function startTask(store: Store, name: string, spec: TaskSpec): Promise<TaskName> {
  const claim: Claim = submit(store, { name, spec });
  await startDetached(claim, {});
  return claim.task;
}

export const recordOf = (store: Store, name: string): TaskRecord =>
  readRecord(taskPaths(store, parseTaskName(name)).record, parseTaskName(name));

/** What a program printed and how it ended. */
export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The program as a child of the test: `run`, with a submission on stdin, or `recover`. */
export function startProgram(
  store: Store,
  verb: 'run' | 'recover',
  input: unknown = null,
  as: { readonly uid?: number; readonly gid?: number } = {},
): { readonly child: ChildProcess; readonly finished: Promise<Finished> } {
  const child = spawn(process.execPath, [program, verb, '--store', store.path], as);
  child.stdin.on('error', () => {});
  child.stdin.end(JSON.stringify(input));
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const finished = Promise.all([ended, text(child.stdout), text(child.stderr)]).then(
    ([code, stdout, stderr]) => ({ code, stdout, stderr }),
  );
  return { child, finished };
}

/** Runs a task in the foreground of a process of its own, to its sealed end. */
export async function runTask(store: Store, name: string, spec: TaskSpec): Promise<Finished> {
  return startProgram(store, 'run', { name, spec }).finished;
}
