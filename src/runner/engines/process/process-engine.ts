import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { constants } from 'node:os';
import { resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { TaskfsError } from '../../../store/index.ts';
import type {
  Engine,
  EngineState,
  Exit,
  Launch,
  Output,
  Running,
  StartOptions,
} from '../engine.ts';
import {
  type Confinement,
  type ConfinementState,
  endAll,
  freezeAll,
  planConfinement,
} from './confinement.ts';
import { type OutputPipes, openPipes } from './pipes.ts';
import { readProcess } from './processes.ts';

/** How long a pipe may stay silent after the run's end before it is given up, in milliseconds. */
const DRAIN_QUIET_MS = 2000;

/** Runs a task as a local process in a session of its own. Nothing that it starts outlives it. */
export function createProcessEngine(): Engine {
  return { name: 'process', start, attach, remove };
}

async function start(
  launch: Launch,
  output: Output,
  remember: (state: EngineState) => void,
  { stdin }: StartOptions = {},
): Promise<Running> {
  assertDirectory(launch.cwd);
  const confinement = planConfinement(launch.task, launch.attempt, launch.staging);
  try {
    remember({ ...confinement.state });
    confinement.enter();
    const pipes = openPipes(output);
    const child = await spawnChild(launch, confinement, pipes, stdin !== undefined);
    const state = withLeader(confinement.state, child);
    // A control group says it all; without one, the leader's session is what can be found again.
    if (state.group === null) remember({ ...state });
    if (stdin && child.stdin) feed(stdin, child.stdin);
    return follow(child, state, pipes);
  } catch (error) {
    confinement.leave();
    await endAll(confinement.state);
    throw error;
  }
}

function assertDirectory(cwd: string | null): void {
  if (cwd === null || statSync(cwd, { throwIfNoEntry: false })?.isDirectory()) return;
  throw new TaskfsError('usage', `the working directory ${cwd} is not there`, {
    hint: 'Choose another with -w.',
  });
}

async function spawnChild(
  launch: Launch,
  confinement: Confinement,
  pipes: OutputPipes,
  interactive: boolean,
): Promise<ChildProcess> {
  const [file = '', ...args] = launch.command;
  try {
    const child = spawn(file, args, {
      cwd: launch.cwd ?? undefined,
      detached: true,
      env: {
        ...process.env,
        ...launch.env,
        TASKFS_ARTIFACTS: launch.staging,
        TASKFS_TASK: launch.task,
      },
      stdio: [interactive ? 'pipe' : 'ignore', pipes.stdout, pipes.stderr],
    });
    confinement.leave();
    await started(child);
    return child;
  } catch (cause) {
    throw explain(launch, cause as NodeJS.ErrnoException);
  } finally {
    pipes.closeChildEnds();
  }
}

function started(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  });
}

function explain(launch: Launch, cause: NodeJS.ErrnoException): TaskfsError {
  const { command, task } = launch;
  const [file = ''] = command;
  if (cause.code === 'ENOENT' || !exists(launch)) {
    return new TaskfsError('command-not-found', `task ${task}: there is no command '${file}'`, {
      hint: 'Check its spelling and PATH.',
      cause,
    });
  }
  if (cause.code === 'EACCES' || cause.code === 'ENOEXEC') {
    return new TaskfsError('not-executable', `task ${task}: '${file}' is not executable`, {
      hint: "'chmod +x' makes a script executable.",
      cause,
    });
  }
  return new TaskfsError('failed', `task ${task}: '${file}' did not start: ${cause.message}`, {
    cause,
  });
}

// exec answers EACCES for a command that is nowhere, when a directory of PATH may not be searched.
function exists({ command, cwd, env }: Launch): boolean {
  const [file = ''] = command;
  const path = env.PATH ?? process.env.PATH ?? '';
  const places = file.includes('/') ? ['.'] : path.split(':');
  return places.some((place) => existsSync(resolve(cwd ?? '.', place, file)));
}

function withLeader(state: ConfinementState, child: ChildProcess): ConfinementState {
  const leader = child.pid === undefined ? undefined : readProcess(child.pid);
  if (!leader) return state;
  return { ...state, leader: { pid: leader.pid, startTime: leader.startTime } };
}

function feed(stdin: Readable, target: NodeJS.WritableStream): void {
  // The command may end, or close its stdin, with input still coming: its own affair.
  target.on('error', () => stdin.unpipe(target));
  stdin.pipe(target);
}

function follow(child: ChildProcess, state: ConfinementState, pipes: OutputPipes): Running {
  let alive = true;
  const ended = (async () => {
    const exit = await exitOf(child);
    alive = false;
    await endAll(state);
    await pipes.drain(DRAIN_QUIET_MS);
    return exit;
  })();
  return {
    ended,
    async signal(signal) {
      if (alive && child.pid !== undefined) signalGroup(child.pid, signal);
    },
    async pause() {
      if (alive) freezeAll(state, true);
    },
    async resume() {
      if (alive) freezeAll(state, false);
    },
    stdin: child.stdin ?? undefined,
  };
}

function exitOf(child: ChildProcess): Promise<Exit> {
  return new Promise((resolve) => {
    child.once('exit', (exitCode, signal) => {
      if (signal === null) {
        resolve({ exitCode, signal, kind: 'exit', reason: `exited with ${exitCode}` });
        return;
      }
      const reason = `ended by ${signal} (${constants.signals[signal]})`;
      resolve({ exitCode: null, signal, kind: 'signal', reason });
    });
  });
}

function signalGroup(leader: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-leader, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** The output of a run ends with the supervisor that held its pipes, so there is nothing to follow. */
async function attach(): Promise<undefined> {
  return undefined;
}

async function remove(state: EngineState): Promise<void> {
  await endAll(state as unknown as ConfinementState);
}
