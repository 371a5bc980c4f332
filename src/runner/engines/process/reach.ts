import { closeSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TaskfsError } from '../../../errors.ts';
import { enterControlGroup, ownControlGroup } from '../../../sys/index.ts';
import type { RunFacts } from '../engine.ts';
import type { ExecRequest, ExecRunning, ReachedRun } from '../reached-run.ts';
import { assertDirectory, startCommand } from './command.ts';
import { type ConfinementState, membersOf } from './confinement.ts';
import { signalProcess } from './members.ts';
import { bootId, type ProcessInfo, readEnvironment } from './processes.ts';
import { usageOf } from './usage.ts';

/** A run of local processes that goes on. */
export function reachRun(state: ConfinementState, facts: RunFacts): ReachedRun | undefined {
  if (state.boot !== bootId() || membersOf(state).length === 0) return undefined;
  return {
    exec: async (request) => exec(state, facts, request),
    signal: async (signal) => {
      for (const member of membersOf(state)) signalProcess(member, signal);
    },
    usage: async () => usageOf(state),
  };
}

/** The process of a run that was started first: its command. */
function firstOf(members: readonly ProcessInfo[]): ProcessInfo | undefined {
  return members.toSorted((a, b) => a.startTime - b.startTime || a.pid - b.pid)[0];
}

/**
 * A child of this process with the environment that the run's command was started with; it is in
 * the run's control group where there is one, and is known by its environment elsewhere: it ends
 * with the run.
 */
function exec(state: ConfinementState, facts: RunFacts, request: ExecRequest): ExecRunning {
  const { task, staging } = facts;
  if (facts.paused) {
    throw new TaskfsError('usage', `task ${task} is paused: nothing in it runs`, {
      hint: `'taskfs resume ${task}' resumes it.`,
    });
  }
  const { command, env, cwd, user, interactive } = request;
  if (user !== null) {
    throw new TaskfsError('usage', `task ${task} is a local process: it runs as you`, {
      hint: 'Leave out --user.',
    });
  }
  const caller = {
    environment: environmentOf(state, task),
    softOpenFiles: null,
    ignoredSignals: [],
    descriptors: [],
  };
  const launch = { task, command, caller, cwd: cwd ?? facts.cwd, env, staging };
  assertDirectory(launch);
  const stdin = interactive ? 0 : openSync('/dev/null', 'r');
  const leave = enterRun(state);
  try {
    const child = startCommand(launch, { stdin, stdout: 1, stderr: 2 }, false);
    limit(child.pid, state);
    return {
      ended: child.ended,
      signal: (signal) => {
        process.kill(child.pid, signal);
      },
    };
  } finally {
    leave();
    if (stdin !== 0) closeSync(stdin);
  }
}

function environmentOf(state: ConfinementState, task: string): readonly string[] {
  const first = firstOf(membersOf(state));
  const environment = first && readEnvironment(first.pid);
  if (environment) return environment;
  throw new TaskfsError('failed', `the environment of task ${task} cannot be read`, {
    hint: 'It ended meanwhile, or runs as somebody else.',
  });
}

/**
 * Puts a process under the limits of cgroup v1 that the run has. Not by entering them first, as
 * starts do: the threads of this process would count there.
 */
function limit(pid: number, { controllerGroups = [] }: ConfinementState): void {
  for (const group of controllerGroups) {
    try {
      writeFileSync(join(group, 'cgroup.procs'), String(pid));
    } catch (error) {
      // It has ended already.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

/** Moves this process into the run's control group, where it may; returns how to go back. */
function enterRun({ group }: ConfinementState): () => void {
  const home = ownControlGroup();
  if (group === null || home === undefined) return () => {};
  try {
    enterControlGroup(group);
    return () => enterControlGroup(home);
  } catch {
    return () => {};
  }
}
