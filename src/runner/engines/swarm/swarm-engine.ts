import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type Docker from 'dockerode';
import { messageOf, TaskfsError } from '../../../errors.ts';
import { readContainerOptions } from '../container/options.ts';
import { chownArtifacts, chownPlanOf } from '../docker/chown-artifacts.ts';
import type { Client } from '../docker/client.ts';
import { connect, openClient } from '../docker/connect.ts';
import { defaultUser } from '../docker/container-user.ts';
import { findEndpoints } from '../docker/endpoint.ts';
import { exitOf } from '../docker/exit.ts';
import { explainStart, ignoreEnded, isMissing, isUnreachable } from '../docker/failure.ts';
import { askHost } from '../docker/id-mapping.ts';
import { type LogOffsets, openLogOffsets, removeLogOffsets } from '../docker/log-offsets.ts';
import type { RunState } from '../docker/running-container.ts';
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
  hasEnded,
  isWaiting,
  type JobState,
  listContainers,
  listTasks,
  readJob,
  watchJob,
} from './job.ts';
import { readServiceLog } from './service-log.ts';
import { serviceName, serviceSpec } from './service-spec.ts';

interface ServiceState extends RunState {
  readonly service: string;
}

/** How long a manager that does not answer is waited for, in milliseconds. */
const PATIENCE_MS = 5 * 60_000;

/**
 * Runs a task as a replicated job of a Docker swarm, on any node that shares the store's file
 * system (docs/scaling.md). The engine at hand must be a manager of the swarm.
 */
export function createSwarmEngine(): Engine {
  return {
    name: 'swarm',
    start,
    attach: (state, logged, output) => attach(readState(state), logged, output),
    reach: async (state, facts) => {
      const { reachJob } = await import('./run-handle.ts');
      return reachJob(readState(state), facts);
    },
    remove: (state) => remove(readState(state)),
  };
}

const readState = (state: EngineState): ServiceState => state as unknown as ServiceState;

/** How long a start waits to hear that the swarm refuses the task, in milliseconds. */
const REFUSAL_MS = 5000;

async function start(
  launch: Launch,
  output: Output,
  remember: (state: EngineState) => void,
  { signal }: StartOptions = {},
): Promise<Running> {
  const options = readContainerOptions(launch.options);
  if (options.interactive || options.tty) throw notPossible('-i and -t');
  if (options.network === 'none') throw notPossible('--network none');
  const { ports, devices, gpus, ulimits, shmBytes, platform, tmpfs } = options;
  if (ports.length > 0) throw notPossible('-p');
  if (devices.length > 0 || gpus !== null) throw notPossible('--device and --gpus');
  if (ulimits.length > 0 || shmBytes !== null) throw notPossible('--ulimit and --shm-size');
  if (platform !== null || tmpfs.length > 0) throw notPossible('--platform and --tmpfs');
  if (launch.image === null) throw notPossible('a task without --image');
  const connection = await connect(findEndpoints(), signal);
  const { docker, endpoint } = connection;
  await assertManager(docker);
  const host = await askHost(connection);
  const user = options.user ?? defaultUser(host);
  const service = serviceName(launch, randomBytes(4).toString('hex'));
  const ledger = join(launch.scratch, `streams-${launch.attempt}`);
  const state = { endpoint, service, ledger, reclaim: chownPlanOf(launch, host, options.user) };
  remember(state);
  try {
    await docker.createService(serviceSpec(service, launch, options, user));
    const isSettled = (seen: JobState): boolean => !isWaiting(seen) || signal?.aborted === true;
    const job = await watchJob(docker, service, isSettled, REFUSAL_MS);
    if (job && isRefused(job)) throw new Error(job.error);
    return follow(docker, state, openLogOffsets(state.ledger, 0), output);
  } catch (error) {
    await remove(state);
    throw explainStart(error, { image: launch.image, command: launch.command });
  }
}

function notPossible(what: string): TaskfsError {
  return new TaskfsError('usage', `a swarm cannot run ${what}`, {
    hint: 'Leave out --engine swarm to run the task on this machine.',
  });
}

async function assertManager(docker: Client): Promise<void> {
  const info = (await docker.info()) as { Swarm?: { ControlAvailable?: boolean } };
  if (info.Swarm?.ControlAvailable) return;
  throw new TaskfsError('failed', 'the container engine is not a manager of a swarm', {
    hint: "'docker swarm init' makes one; DOCKER_HOST or a docker context names another engine.",
  });
}

/** A task that never ran: its image, a mount or its command is not there. */
const isRefused = ({ state, exitCode, container, error }: JobState): boolean =>
  state === 'rejected' ||
  (state === 'failed' &&
    (container === null || exitCode === null || /^starting container/.test(error)));

function follow(docker: Client, state: ServiceState, offsets: LogOffsets, output: Output): Running {
  return {
    ended: followJob(docker, state, offsets, output),
    signal: (signal: NodeJS.Signals) => sendSignal(docker, state, signal),
    pause: async () => {
      const container = await containerHere(docker, state, 'paused');
      if (container) await ignoreEnded(container.pause());
    },
    resume: async () => {
      const container = await containerHere(docker, state, 'resumed');
      if (container) await ignoreEnded(container.unpause());
    },
  };
}

async function followJob(
  docker: Client,
  { service }: ServiceState,
  offsets: LogOffsets,
  output: Output,
): Promise<Exit> {
  const stop = new AbortController();
  const following = readServiceLog(docker, service, offsets, output, stop.signal).catch(() => {});
  try {
    const job = await watchJob(docker, service, hasEnded, undefined, PATIENCE_MS);
    stop.abort();
    await following;
    if (!job) return lost('the service was removed');
    await readServiceLog(docker, service, offsets, output);
    const exitCode = exitCodeOf(job);
    if (exitCode === null) return lost(job.error || `the swarm ended it as ${job.state}`);
    return exitOf({ ExitCode: exitCode, OOMKilled: await wasOutOfMemory(docker, job) });
  } catch (error) {
    if (isMissing(error)) return lost('the service was removed');
    return lost(`the swarm's manager went away (${messageOf(error)})`);
  } finally {
    stop.abort();
  }
}

/** A job whose node went away has failed with the exit code that it had while it ran: 0. */
const exitCodeOf = ({ state, exitCode }: JobState): number | null =>
  state === 'complete' || exitCode !== 0 ? exitCode : null;

const lost = (reason: string): Exit => ({
  exitCode: null,
  signal: null,
  kind: 'engine-lost',
  reason,
});

/** The swarm does not report it; the engine of the node does, where that is this one. */
async function wasOutOfMemory(docker: Client, { container }: JobState): Promise<boolean> {
  if (container === null) return false;
  try {
    return (await docker.getContainer(container).inspect()).State.OOMKilled;
  } catch {
    return false;
  }
}

/**
 * A swarm passes no signals on. On this node the container itself takes one; on another the
 * service is removed, which ends its task with SIGTERM and, after its grace period, SIGKILL.
 */
async function sendSignal(
  docker: Client,
  state: ServiceState,
  signal: NodeJS.Signals,
): Promise<void> {
  const job = await readJob(docker, state.service).catch(absent);
  if (!job || hasEnded(job)) return;
  if (job.container !== null && (await killHere(docker, job.container, signal))) return;
  await docker.getService(state.service).remove().catch(absent);
}

async function killHere(docker: Client, id: string, signal: NodeJS.Signals): Promise<boolean> {
  const container = docker.getContainer(id);
  try {
    const { State: state } = await container.inspect();
    if (state.Paused) await ignoreEnded(container.unpause());
    if (state.Running) await ignoreEnded(container.kill({ signal }));
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

async function containerHere(
  docker: Client,
  { service }: ServiceState,
  what: string,
): Promise<Docker.Container | undefined> {
  const job = await readJob(docker, service);
  if (!job || hasEnded(job) || job.container === null) return undefined;
  const container = docker.getContainer(job.container);
  if (await container.inspect().then(() => true, absent)) return container;
  throw new TaskfsError('failed', `a task on another node of the swarm cannot be ${what}`, {
    hint: "'taskfs cancel' ends it.",
  });
}

/** Passes over what is not there. */
function absent(error: unknown): undefined {
  if (!isMissing(error)) throw error;
}

async function attach(
  state: ServiceState,
  logged: number,
  output: Output,
): Promise<Running | undefined> {
  const docker = openClient(state.endpoint);
  try {
    await docker.getService(state.service).inspect();
  } catch (error) {
    if (isMissing(error)) return undefined;
    if (!isUnreachable(error)) throw error;
  }
  return follow(docker, state, openLogOffsets(state.ledger, logged), output);
}

/** How long the nodes get to end what is left of a service, in milliseconds. */
const REMOVAL_MS = 30_000;

async function remove(state: ServiceState): Promise<void> {
  const docker = openClient(state.endpoint);
  await sendSignal(docker, state, 'SIGKILL');
  const containers = await listContainers(docker, state.service, { all: true });
  await docker.getService(state.service).remove().catch(absent);
  for (const { Id: id } of containers)
    await docker
      .getContainer(id)
      .remove({ force: true })
      .catch(() => {});
  for (const end = Date.now() + REMOVAL_MS; Date.now() < end; await sleep(100)) {
    const left = await listTasks(docker, state.service).catch(absent);
    if (!left || left.length === 0) break;
  }
  // The store is there on this node too. What could not be changed, sealing names as unreadable.
  if (state.reclaim) await chownArtifacts(docker, state.service, state.reclaim).catch(() => {});
  removeLogOffsets(state.ledger);
}
