import { randomUUID } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TaskfsError } from '../../../errors.ts';
import { moveToControlGroup, spawnAtGate, spawnProcess } from '../../../sys/index.ts';
import type { RunFacts } from '../engine.ts';
import type { ExecRequest, ExecRunning, RunHandle } from '../run-handle.ts';
import { assertDirectory, type Spawn, startCommand } from './command.ts';
import { type ConfinementState, membersOf } from './confinement.ts';
import { type InputPlace, openInput } from './input.ts';
import { signalProcess } from './members.ts';
import { bootId, type ProcessInfo, readEnvironment } from './processes.ts';
import { usageOf } from './usage.ts';

/** A run of local processes that goes on. */
export function reachRun(
  state: ConfinementState & Partial<InputPlace>,
  facts: RunFacts,
): RunHandle | undefined {
  const { input, terminal } = state;
  if (state.boot !== bootId() || membersOf(state).length === 0) return undefined;
  return {
    exec: (request) => exec(state, facts, request),
    signal: async (signal) => {
      for (const member of membersOf(state)) signalProcess(member, signal);
    },
    usage: async () => usageOf(state),
    ...(input !== undefined && {
      openInput: async () => openInput({ input, terminal }, facts.task),
    }),
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
async function exec(
  state: ConfinementState,
  facts: RunFacts,
  request: ExecRequest,
): Promise<ExecRunning> {
  const { task, staging } = facts;
  if (facts.paused) {
    throw new TaskfsError('usage', `task ${task} is paused: its processes are stopped`, {
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
  try {
    const streams = { stdin, stdout: 1, stderr: 2 };
    const child = await startCommand(launch, streams, startingIn(state), false);
    return {
      ended: child.ended,
      signal: (signal) => {
        process.kill(child.pid, signal);
      },
    };
  } finally {
    if (stdin !== 0) closeSync(stdin);
  }
}

function environmentOf(state: ConfinementState, task: string): readonly string[] {
  const first = firstOf(membersOf(state));
  const environment = first && readEnvironment(first.pid);
  if (environment) return environment;
  throw new TaskfsError('failed', `the environment of task ${task} cannot be read`, {
    hint: 'It has just ended, or runs as another user.',
  });
}

/**
 * What starts a process in the run's control groups, where there are any. This process does not
 * enter them, for its memory and threads would count there.
 */
function startingIn({ group, controllerGroups = [] }: ConfinementState): Spawn {
  if (group === null && controllerGroups.length === 0) return spawnProcess;
  const gate = join(tmpdir(), `taskfs-exec-${randomUUID()}`);
  return (options) =>
    spawnAtGate(options, gate, (pid) => {
      for (const path of controllerGroups) moveToControlGroup(path, pid);
      if (group !== null) moveWhereAllowed(group, pid);
    });
}

/** Elsewhere the process is known by its environment. */
function moveWhereAllowed(group: string, pid: number): void {
  try {
    moveToControlGroup(group, pid);
  } catch {}
}
