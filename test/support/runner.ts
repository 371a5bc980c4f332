import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';
import { type Claim, startDetached, submit } from '../../src/runner/index.ts';
import {
  createKeys,
  createStore,
  parseTaskName,
  readRecord,
  type Store,
  type TaskName,
  type TaskRecord,
  type TaskSpec,
  taskPaths,
  taskSpec,
} from '../../src/store/index.ts';
import { endTasks } from './ending.ts';
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
