import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '../docker/client.ts';
import { isMissing, isUnreachable, statusOf } from '../docker/failure.ts';

/** The task of a job's service, as the swarm reports it (Docker Engine API, "Task"). */
export interface JobState {
  readonly task: string;
  readonly state: string;
  readonly error: string;
  readonly exitCode: number | null;
  readonly container: string | null;
  /** The node that it was given to, by its id. */
  readonly node: string | null;
}

interface SwarmTask {
  readonly ID: string;
  readonly NodeID?: string;
  readonly Status: {
    readonly State: string;
    readonly Err?: string;
    readonly ContainerStatus?: { readonly ContainerID?: string; readonly ExitCode?: number };
  };
}

const ended = new Set(['complete', 'failed', 'shutdown', 'rejected', 'remove', 'orphaned']);
const waiting = new Set([
  'new',
  'allocated',
  'pending',
  'assigned',
  'accepted',
  'preparing',
  'ready',
  'starting',
]);

export const hasEnded = ({ state }: JobState): boolean => ended.has(state);
export const isWaiting = ({ state }: JobState): boolean => waiting.has(state);

/**
 * The task of a service; undefined before the swarm has
 * made one. Throws 404 where there is no service.
 */
export async function readJob(docker: Client, service: string): Promise<JobState | undefined> {
  await docker.getService(service).inspect();
  const [found] = (await listTasks(docker, service)) as SwarmTask[];
  if (!found) return undefined;
  const { State: state, Err: error = '', ContainerStatus: status } = found.Status;
  return {
    task: found.ID,
    state,
    error,
    exitCode: status?.ExitCode ?? null,
    container: status?.ContainerID || null,
    node: found.NodeID || null,
  };
}

export const listTasks = (docker: Client, service: string): Promise<unknown[]> =>
  docker.listTasks({ filters: JSON.stringify({ service: [service] }) });

/** How an engine labels the container of a service's task. */
const SERVICE_LABEL = 'com.docker.swarm.service.name';

/** The containers of a service that the engine at hand has: those that run, or all. */
export const listContainers = (docker: Client, service: string, { all = false } = {}) =>
  docker.listContainers({
    all,
    filters: JSON.stringify({ label: [`${SERVICE_LABEL}=${service}`] }),
  });

/**
 * The polling interval, in milliseconds: a swarm has no
 * events of its tasks, nor a request that waits.
 */
const POLL_MS = 250;

/** Polls a job until `isReached`, it is gone (undefined), or the time is over (its last state). */
export async function watchJob(
  docker: Client,
  service: string,
  isReached: (job: JobState) => boolean,
  limitMs: number = Number.POSITIVE_INFINITY,
  patienceMs = 0,
): Promise<JobState | undefined> {
  const end = Date.now() + limitMs;
  let answeredAt = Date.now();
  let job: JobState | undefined;
  for (;;) {
    try {
      job = await readJob(docker, service);
      answeredAt = Date.now();
      if (job && isReached(job)) return job;
    } catch (error) {
      if (isMissing(error)) return undefined;
      if (!isPassing(error) || Date.now() - answeredAt > patienceMs) throw error;
    }
    if (Date.now() > end) return job;
    await sleep(POLL_MS);
  }
}

const NO_LEADER = 503;

/** A manager that is restarted, or a swarm that elects a leader, answers again soon. */
const isPassing = (error: unknown): boolean =>
  isUnreachable(error) || statusOf(error) === NO_LEADER || (statusOf(error) ?? 0) === 500;
