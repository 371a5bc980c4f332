import { constants } from 'node:os';
import type { ProcessEnd, SpawnedProcess } from '../../../sys/index.ts';
import type {
  Engine,
  EngineState,
  Exit,
  Launch,
  Output,
  RunFacts,
  Running,
  StartOptions,
} from '../engine.ts';
import type { RunHandle } from '../run-handle.ts';
import { assertDirectory, startCommand } from './command.ts';
import {
  type Confinement,
  type ConfinementState,
  endAll,
  freezeAll,
  planConfinement,
  programsOf,
  wasOutOfMemory,
} from './confinement.ts';
import { type InputPlace, type SharedInput, shareInput } from './input.ts';
import { readProcessOptions } from './options.ts';
import { openPipes } from './pipes.ts';
import { readProcess, sendSignal } from './processes.ts';
import { openTerminal } from './pseudo-terminal.ts';
import type { RunStreams } from './streams.ts';

/** How long a pipe may stay silent after the run's end before it is given up, in milliseconds. */
const DRAIN_QUIET_MS = 2000;

/** Runs a task as a local process in a session of its own. Nothing that it starts outlives it. */
export function createProcessEngine(): Engine {
  return { name: 'process', start, attach, reach, remove };
}

async function start(
  launch: Launch,
  output: Output,
  remember: (state: EngineState) => void,
  { stdin }: StartOptions = {},
): Promise<Running> {
  assertDirectory(launch);
  const { interactive, tty, consoleSize, ...limits } = readProcessOptions(launch.options);
  const confinement = planConfinement(launch, limits);
  const input = interactive || tty ? shareInput(launch.scratch) : undefined;
  const sources = [stdin, input?.source].filter((source) => source !== undefined);
  let streams: RunStreams | undefined;
  try {
    streams = tty ? openTerminal(output, sources, consoleSize) : openPipes(output, sources);
    const place = input && placeOf(input, streams);
    remember({ ...confinement.state, ...place });
    const child = await startConfined(launch, confinement, streams);
    const state = withLeader(confinement.state, child);
    // A control group says it all; without one, the leader's session is what can be found again.
    if (state.group === null) remember({ ...state, ...place });
    return follow(child, state, streams, input);
  } catch (error) {
    await endAll(confinement.state);
    await drain(streams, input);
    throw error;
  }
}

/** As the state of the run has it. */
const placeOf = ({ path }: SharedInput, { ofCommand }: RunStreams): InputPlace => ({
  input: path,
  ...('terminal' in ofCommand && { terminal: ofCommand.terminal }),
});

async function drain(streams: RunStreams | undefined, input: SharedInput | undefined) {
  input?.source.destroy();
  await streams?.drain(DRAIN_QUIET_MS);
}

/** Starts the command with its streams, and closes this process's copies of its ends. */
async function startConfined(
  launch: Launch,
  confinement: Confinement,
  streams: RunStreams,
): Promise<SpawnedProcess> {
  try {
    return await confinement.start((spawn) => startCommand(launch, streams.ofCommand, spawn));
  } finally {
    streams.closeChildEnds();
  }
}

function withLeader(state: ConfinementState, child: SpawnedProcess): ConfinementState {
  const leader = readProcess(child.pid);
  if (!leader) return state;
  return { ...state, leader: { pid: leader.pid, startTime: leader.startTime } };
}

function follow(
  child: SpawnedProcess,
  state: ConfinementState,
  streams: RunStreams,
  input: SharedInput | undefined,
): Running {
  let alive = true;
  const ended = (async () => {
    const end = await child.ended;
    alive = false;
    const exit = exitOf(end, wasOutOfMemory(state));
    const endedWithIt = programsOf(state);
    await endAll(state);
    await drain(streams, input);
    return { ...exit, endedWithIt };
  })();
  return {
    ended,
    async signal(signal: NodeJS.Signals) {
      // To its group.
      if (alive) sendSignal(-child.pid, signal);
    },
    async pause() {
      if (alive) freezeAll(state, true);
    },
    async resume() {
      if (alive) freezeAll(state, false);
    },
    stdin: streams.stdin,
    ...(streams.resize && { resize: streams.resize }),
  };
}

/**
 * As with containers: where the command got over the death of one of its processes, all is well.
 */
function exitOf({ exitCode, signal }: ProcessEnd, outOfMemory: boolean): Exit {
  if (outOfMemory && exitCode !== 0) {
    const reason = 'out of memory: it reached its limit';
    return { exitCode, signal, kind: 'out-of-memory', reason };
  }
  if (signal === null) return { exitCode, signal, kind: 'exit', reason: `exited with ${exitCode}` };
  const reason = `ended by ${signal} (${constants.signals[signal]})`;
  return { exitCode: null, signal, kind: 'signal', reason };
}

/**
 * The output of a run ends with the supervisor that held its pipes, so there is nothing to follow.
 */
async function attach(): Promise<undefined> {
  return undefined;
}

async function reach(state: EngineState, facts: RunFacts): Promise<RunHandle | undefined> {
  const { reachRun } = await import('./run-handle.ts');
  return reachRun(state as unknown as ConfinementState & Partial<InputPlace>, facts);
}

async function remove(state: EngineState): Promise<void> {
  await endAll(state as unknown as ConfinementState);
}
