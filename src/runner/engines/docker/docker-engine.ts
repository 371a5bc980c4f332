import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Duplex, Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type Docker from 'dockerode';
import { TaskfsError } from '../../../store/index.ts';
import type { Engine, EngineState, Launch, Output, Running } from '../engine.ts';
import type { Client } from './client.ts';
import { type Connection, connect, openClient } from './connect.ts';
import { containerSpec, ownerOf } from './container-spec.ts';
import { type Endpoint, findEndpoints } from './endpoint.ts';
import { explainStart, isMissing, isUnreachable, wordsOf } from './failure.ts';
import { followContainer } from './follow.ts';
import { provideImage } from './image.ts';
import { type Ledger, openLedger, removeLedger } from './ledger.ts';
import { type ContainerOptions, readContainerOptions } from './options.ts';
import { type Reclaim, reclaimFiles } from './reclaim.ts';
import { unlessEnded } from './unless-ended.ts';

/** What is remembered of a run. */
interface ContainerState {
  readonly endpoint: Endpoint;
  /** The container's name: known before there is one, so that none is left behind unknown. */
  readonly container: string;
  readonly tty: boolean;
  readonly ledger: string;
  /** How its files are made the caller's; null where they are already. */
  readonly reclaim: Reclaim | null;
}

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
    remove: (state) => remove(readState(state)),
  };
}

const readState = (state: EngineState): ContainerState => state as unknown as ContainerState;

async function start(
  patienceMs: number,
  launch: Launch,
  output: Output,
  remember: (state: EngineState) => void,
  stdin?: Readable,
): Promise<Running> {
  const options = readContainerOptions(launch.options);
  const subject = { task: launch.task, image: requireImage(launch), command: launch.command };
  const connection = await connect(findEndpoints());
  try {
    await provideImage(connection.docker, subject.image, options.pull, output.progress);
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
  const owner = await ownerOf(docker);
  const name = `taskfs-${launch.task}-${launch.attempt}-${randomBytes(4).toString('hex')}`;
  const mayLeaveOthersFiles = options.user !== null && process.getuid?.() !== 0;
  const state: ContainerState = {
    endpoint,
    container: name,
    tty: options.tty,
    ledger: join(launch.scratch, `streams-${launch.attempt}`),
    reclaim: mayLeaveOthersFiles
      ? { image: launch.image ?? '', staging: launch.staging, owner: owner.user }
      : null,
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
    return running(container, followContainer(followed, attached), attached);
  } catch (error) {
    await remove({ ...state, reclaim: null });
    throw error;
  }
}

/** Creates, attaches, starts: in this order, or the first output is missed. */
async function startContainer(
  docker: Client,
  spec: Docker.ContainerCreateOptions,
): Promise<Duplex> {
  try {
    const container = await docker.createContainer(spec);
    const attached = await attachStreams(container, spec.OpenStdin === true);
    await container.start();
    await setConsoleSize(container, spec);
    return attached;
  } catch (error) {
    if (!spec.HostConfig?.Init || !isWithoutInit(error)) throw error;
    await unlessEnded(docker.getContainer(spec.name ?? '').remove({ force: true }));
    return startContainer(docker, { ...spec, HostConfig: { ...spec.HostConfig, Init: false } });
  }
}

/** Engines before API 1.42 leave a console size at creation aside. */
async function setConsoleSize(
  container: Docker.Container,
  { HostConfig }: Docker.ContainerCreateOptions,
): Promise<void> {
  const [h, w] = HostConfig?.ConsoleSize ?? [];
  if (h !== undefined && w !== undefined) await unlessEnded(container.resize({ h, w }));
}

/** The engine's host has no init program to put into containers. */
const isWithoutInit = (error: unknown): boolean =>
  /docker-init|catatonit|container-init|init binary/i.test(wordsOf(error));

async function attachStreams(container: Docker.Container, interactive: boolean): Promise<Duplex> {
  const stream = (await container.attach({
    stream: true,
    stdin: interactive,
    stdout: true,
    stderr: true,
    hijack: true,
    // The usual keys, Ctrl-P Ctrl-Q, are somebody's shell history; nobody detaches from a task.
    detachKeys: 'ctrl-@,ctrl-@,ctrl-@',
  })) as Duplex;
  // Input may still come when the command has ended: its own affair.
  stream.on('error', () => {});
  return stream;
}

function running(
  container: Docker.Container,
  ended: Running['ended'],
  stdin: Duplex | undefined,
): Running {
  return {
    ended,
    signal: (signal) => sendSignal(container, signal),
    pause: () => unlessEnded(container.pause()),
    resume: () => unlessEnded(container.unpause()),
    stdin,
  };
}

async function sendSignal(container: Docker.Container, signal: NodeJS.Signals): Promise<void> {
  try {
    await container.kill({ signal });
  } catch (error) {
    if (/paused/i.test(wordsOf(error))) {
      // A paused container takes no signal, not even SIGKILL.
      await unlessEnded(container.unpause());
      await unlessEnded(container.kill({ signal }));
      return;
    }
    await unlessEnded(Promise.reject(error));
  }
}

async function attach(
  patienceMs: number,
  state: ContainerState,
  logged: number,
  output: Output,
): Promise<Running | undefined> {
  const docker = await openClient(state.endpoint);
  const container = docker.getContainer(state.container);
  if (!(await wasStarted(container))) return undefined;
  const ledger: Ledger = openLedger(state.ledger, logged);
  const followed = { docker, container, tty: state.tty, ledger, output, patienceMs };
  return running(container, followContainer(followed), undefined);
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

/** How long the removal of a container waits for an engine that does not answer, in milliseconds. */
const REMOVAL_PATIENCE_MS = 10_000;

async function remove(state: ContainerState): Promise<void> {
  const end = Date.now() + REMOVAL_PATIENCE_MS;
  for (;;) {
    try {
      return await removeNow(state);
    } catch (error) {
      if (!isUnreachable(error)) throw error;
      // An engine that is gone for good keeps its container, whose labels say what it was.
      if (Date.now() > end) return;
      await sleep(200);
    }
  }
}

async function removeNow(state: ContainerState): Promise<void> {
  const docker = await openClient(state.endpoint);
  const container = docker.getContainer(state.container);
  await unlessEnded(container.kill());
  if (state.reclaim) await reclaimFiles(docker, state.reclaim);
  await unlessEnded(container.remove({ force: true, v: true }));
  removeLedger(state.ledger);
}
