import type { ChildProcess, StdioOptions } from 'node:child_process';
import { getCompileCacheDir } from 'node:module';
import { dirname } from 'node:path';
import { messageOf, TaskfsError } from './errors.ts';
import { closeOnExec, enterControlGroup, ownControlGroup } from './sys/index.ts';

/**
 * Processes of ours that live on when their caller has gone, supervisors and servers of mounts:
 * they keep nothing of the caller's open, and a task that starts one does not take it along when
 * it ends.
 */

/** The control group of a task's run. All that is in it ends with the run. */
export const runGroupName = (task: string, attempt: number): string =>
  `taskfs-${process.pid}-${task}-${attempt}`;

const RUN_GROUP = /\/taskfs-\d+-[^/]+-\d+(?=\/|$)/;

/**
 * What these processes are called by, or what they have as an argument: who may not read their
 * environment can tell them by it.
 */
export const BACKGROUND_NAME = 'taskfs-background';

/**
 * Starts a program of ours, Node by default, in the background: in `/`, in a session of its own.
 * Throws as `leaveRun`.
 */
export function spawnInBackground(
  args: readonly string[],
  stdio: StdioOptions,
  program: string = process.execPath,
): ChildProcess {
  const goBack = leaveRun();
  try {
    closeOnExec();
    const { NODE_OPTIONS: _, ...inherited } = process.env;
    // Without a control group a run's processes are known by this variable; empty, it is of none.
    const env = { ...inherited, ...compileCache(), TASKFS_ARTIFACTS: '' };
    // The caller's directory may lie in a mount, which must not be kept busy.
    // Some shells go by the name that they are called by.
    const argv0 = program === process.execPath ? BACKGROUND_NAME : program;
    const { spawn } = process.getBuiltinModule('node:child_process');
    return spawn(program, args, { argv0, detached: true, cwd: '/', env, stdio });
  } finally {
    goBack();
  }
}

/**
 * Such a process finds compiled what this one finds compiled: from a checkout, each of its threads
 * would load Node's type stripper otherwise, some 16 MiB.
 */
function compileCache(): NodeJS.ProcessEnv {
  const cache = getCompileCacheDir();
  return cache === undefined ? {} : { NODE_COMPILE_CACHE: dirname(cache) };
}

/** Throws where `spawnInBackground` would, before anything was accepted. */
export function assertBackground(): void {
  leaveRun()();
}

/**
 * Moves this process out of the control groups of runs that it is in; what it returns moves it
 * back. Throws `failed` where that is not allowed.
 */
function leaveRun(): () => void {
  const group = ownControlGroup();
  const run = group === undefined ? null : RUN_GROUP.exec(group);
  if (group === undefined || run === null) return () => {};
  try {
    enterControlGroup(dirname(group.slice(0, run.index + run[0].length)));
  } catch (cause) {
    const task = process.env.TASKFS_TASK ?? 'a task';
    throw new TaskfsError(
      'failed',
      `this is inside of ${task}, and would end with it: its control group cannot be ` +
        `left: ${messageOf(cause)}`,
      { hint: 'Start it outside of the task, or as the user who started the task.', cause },
    );
  }
  return () => enterControlGroup(group);
}
