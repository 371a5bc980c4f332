import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type Docker from 'dockerode';
import { TaskfsError } from '../../../errors.ts';
import { type ContainerOptions, readContainerOptions } from '../container/options.ts';
import type {
  Engine,
  EngineState,
  Exit,
  Launch,
  Output,
  Running,
  StartOptions,
} from '../engine.ts';
import { chownPlanOf } from './chown-artifacts.ts';
import type { Client } from './client.ts';
import { type Connection, connect, openClient } from './connect.ts';
import { assertSources, containerSpec } from './container-spec.ts';
import { defaultUser, otherUser, userIdOf } from './container-user.ts';
import { findEndpoints } from './endpoint.ts';
import { explainStart, isMissing, isUnreachable } from './failure.ts';
import { followContainer } from './follow.ts';
import { type EngineHost, findHost, hostIdOf } from './id-mapping.ts';
import { type ImageConfig, provideImage } from './image.ts';
import { openLogOffsets } from './log-offsets.ts';
import { removeContainer } from './removal.ts';
import { type ContainerState, readState, runningContainer } from './running-container.ts';
import { grantStaging } from './staging-access.ts';
import { startContainer } from './start-container.ts';

export interface DockerEngineOptions {
  /** How long an engine that went away is waited for, in milliseconds. */
  readonly patienceMs?: number;
}

const DEFAULT_PATIENCE_MS = 5 * 60_000;

/**
 * Runs a task as a container of a Docker engine, or of podman's service that speaks Docker's API.
 */
export function createDockerEngine({
  patienceMs = DEFAULT_PATIENCE_MS,
}: DockerEngineOptions = {}): Engine {
  return {
    name: 'docker',
    start: (...args) => start(patienceMs, ...args),
    attach: (state, logged, output) => attach(patienceMs, readState(state), logged, output),
    reach: async (state, facts) => {
      const { reachContainer } = await import('./container-handle.ts');
      return reachContainer(readState(state), facts);
    },
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
  const subject = { image: requireImage(launch), command: launch.command };
  const connection = await connect(findEndpoints(), signal);
  try {
    const { pull, volumes } = options;
    const isPodman = connection.podmanVersion !== null;
    assertSources(
      connection.endpoint,
      volumes.filter(({ relabel }) => isPodman || relabel),
    );
    const provided = provideImage(connection.docker, subject.image, {
      pull,
      platform: options.platform,
      progress: output.progress,
      signal,
    });
    const [image, host] = await Promise.all([provided, findHost(connection, provided)]);
    signal?.throwIfAborted();
    const prepared = prepare({
      connection,
      launch,
      options,
      image,
      host,
      hasInput: stdin !== undefined,
    });
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
  readonly host: EngineHost;
  readonly launch: Launch;
  readonly spec: Docker.ContainerCreateOptions;
  readonly state: ContainerState;
  readonly stopSignal: string | null;
}

interface Preparation {
  readonly connection: Connection;
  readonly launch: Launch;
  readonly options: ContainerOptions;
  readonly image: ImageConfig;
  readonly host: EngineHost;
  readonly hasInput: boolean;
}

function prepare({ connection, launch, options, image, host, hasInput }: Preparation): Prepared {
  const { docker, endpoint, podmanVersion } = connection;
  const other = otherUser(options, image);
  const setting = { ...host, podmanVersion, hasInput, user: other ?? defaultUser(host) };
  const name = `taskfs-${launch.task}-${launch.attempt}-${randomBytes(4).toString('hex')}`;
  const state: ContainerState = {
    endpoint,
    container: name,
    tty: options.tty,
    ledger: join(launch.scratch, `streams-${launch.attempt}`),
    reclaim: chownPlanOf(launch, host, other),
  };
  const spec = containerSpec(name, launch, options, setting);
  return { docker, host, launch, state, spec, stopSignal: options.stopSignal ?? image.stopSignal };
}

/** Lets the container's user into the artifacts. */
async function shareStaging({ host, launch, spec }: Prepared, container: Docker.Container) {
  const id = await userIdOf(container, spec.User ?? '');
  const hostId = hostIdOf(host.ranges, id);
  // The engine refuses in its own words to run as somebody whom it cannot number.
  if (hostId !== undefined) grantStaging(launch.staging, hostId);
}

interface BeginOptions {
  readonly patienceMs: number;
  readonly output: Output;
  readonly stdin: Readable | undefined;
}

async function begin(
  prepared: Prepared,
  { patienceMs, output, stdin }: BeginOptions,
): Promise<Running> {
  const { docker, spec, state, stopSignal } = prepared;
  const container = docker.getContainer(state.container);
  try {
    const attached = await startContainer(docker, spec, (made) => shareStaging(prepared, made));
    if (attached) stdin?.pipe(attached);
    const offsets = openLogOffsets(state.ledger, 0);
    const followed = { docker, container, tty: state.tty, offsets, output, patienceMs };
    const ended = followContainer(followed, attached).then((exit) => withIsOver(exit, state));
    return runningContainer(container, ended, attached, stopSignal);
  } catch (error) {
    await removeContainer({ ...state, reclaim: null });
    throw error;
  }
}

/**
 * A container that has ended touches nothing any more; its files may still have to change owners.
 */
const withIsOver = (exit: Exit, { reclaim }: ContainerState): Exit => ({
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
  const found = await findStarted(container);
  if (!found) return undefined;
  const offsets = openLogOffsets(state.ledger, logged);
  const followed = { docker, container, tty: state.tty, offsets, output, patienceMs };
  const ended = followContainer(followed).then((exit) => withIsOver(exit, state));
  return runningContainer(container, ended, undefined, found.stopSignal);
}

/** A container that is there and ran; one whose engine does not answer may have. */
async function findStarted(
  container: Docker.Container,
): Promise<{ readonly stopSignal: string | null } | undefined> {
  try {
    const { State: state, Config: config } = await container.inspect();
    const { StopSignal: stopSignal } = config as { readonly StopSignal?: string };
    return state.Status === 'created' ? undefined : { stopSignal: stopSignal || null };
  } catch (error) {
    if (isMissing(error)) return undefined;
    if (isUnreachable(error)) return { stopSignal: null };
    throw error;
  }
}
