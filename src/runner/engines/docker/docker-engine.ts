import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type Docker from 'dockerode';
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
import type { Client } from './client.ts';
import { type Connection, connect, openClient } from './connect.ts';
import { containerSpec, ownerOf } from './container-spec.ts';
import { type ContainerState, readState } from './container-state.ts';
import { runningContainer } from './control.ts';
import { findEndpoints } from './endpoint.ts';
import { explainStart, isMissing, isUnreachable } from './failure.ts';
import { followContainer } from './follow.ts';
import { provideImage } from './image.ts';
import { openLedger } from './ledger.ts';
import { type ContainerOptions, readContainerOptions } from './options.ts';
import { assertSources } from './podman.ts';
import { reclaimOf } from './reclaim.ts';
import { removeContainer } from './removal.ts';
import { startContainer } from './start-container.ts';

export interface DockerEngineOptions {
  /** How long an engine that went away is waited for, in milliseconds. */
  readonly patienceMs?: number;
}

const DEFAULT_PATIENCE_MS = 5 * 60_000;

/** Runs a task as a container of a Docker engine, or of podman's service that speaks Docker's API. */
export function createDockerEngine({
  patienceMs = DEFAULT_PATIENCE_MS,
}: DockerEngineOptions = {}): Engine {
  return {
    name: 'docker',
    start: (...args) => start(patienceMs, ...args),
    attach: (state, logged, output) => attach(patienceMs, readState(state), logged, output),
    remove: (state) => removeContainer(readState(state)),
  };
}

async function start(
  patienceMs: number,
  launch: Launch,
  output: Output,
  remember: (state: EngineState) => void,
  { stdin, signal }: StartOptions = {},
): Promise<Running> {
  const options = readContainerOptions(launch.options);
  const subject = { task: launch.task, image: requireImage(launch), command: launch.command };
  const connection = await connect(findEndpoints(), signal);
  try {
    const { pull, volumes } = options;
    if (connection.isPodman) assertSources(connection.endpoint, volumes);
    await provideImage(connection.docker, subject.image, {
      pull,
      progress: output.progress,
      signal,
    });
    signal?.throwIfAborted();
    const prepared = await prepare(connection, launch, options);
    remember({ ...prepared.state });
    return await begin(prepared, { patienceMs, output, stdin });
  } catch (error) {
    throw explainStart(error, subject);
  }
}

function requireImage({ task, image }: Launch): string {
  if (image !== null) return image;
  throw new TaskfsError('usage', `task ${task} names no image for its container`, {
    hint: 'Give one with --image.',
  });
}

interface Prepared {
  readonly docker: Client;
  readonly spec: Docker.ContainerCreateOptions;
  readonly state: ContainerState;
}

async function prepare(
  connection: Connection,
  launch: Launch,
  options: ContainerOptions,
): Promise<Prepared> {
  const { docker, endpoint } = connection;
  const owner = await ownerOf(connection);
  const name = `taskfs-${launch.task}-${launch.attempt}-${randomBytes(4).toString('hex')}`;
  const state: ContainerState = {
    endpoint,
    container: name,
    tty: options.tty,
    ledger: join(launch.scratch, `streams-${launch.attempt}`),
    reclaim: reclaimOf(launch, options, owner.user),
  };
  return { docker, state, spec: containerSpec(name, launch, options, owner, connection) };
}

interface Surroundings {
  readonly patienceMs: number;
  readonly output: Output;
  readonly stdin: Readable | undefined;
}

async function begin(
  { docker, spec, state }: Prepared,
  { patienceMs, output, stdin }: Surroundings,
): Promise<Running> {
  const container = docker.getContainer(state.container);
  try {
    const attached = await startContainer(docker, spec);
    if (stdin) stdin.pipe(attached);
    const ledger = openLedger(state.ledger, 0);
    const followed = { docker, container, tty: state.tty, ledger, output, patienceMs };
    const ended = followContainer(followed, attached).then((exit) => overOf(exit, state));
    return runningContainer(container, ended, attached);
  } catch (error) {
    await removeContainer({ ...state, reclaim: null });
    throw error;
  }
}

/** A container that has ended touches nothing any more; its files may still have to change owners. */
const overOf = (exit: Exit, { reclaim }: ContainerState): Exit => ({
  ...exit,
  isOver: exit.kind !== 'engine-lost' && reclaim === null,
});

async function attach(
  patienceMs: number,
  state: ContainerState,
  logged: number,
  output: Output,
): Promise<Running | undefined> {
  const docker = openClient(state.endpoint);
  const container = docker.getContainer(state.container);
  if (!(await wasStarted(container))) return undefined;
  const ledger = openLedger(state.ledger, logged);
  const followed = { docker, container, tty: state.tty, ledger, output, patienceMs };
  const ended = followContainer(followed).then((exit) => overOf(exit, state));
  return runningContainer(container, ended, undefined);
}

/** Whether a container is there and ran; one whose engine does not answer may have. */
async function wasStarted(container: Docker.Container): Promise<boolean> {
  try {
    const { State: state } = await container.inspect();
    return state.Status !== 'created';
  } catch (error) {
    if (isMissing(error)) return false;
    if (isUnreachable(error)) return true;
    throw error;
  }
}
