import { setTimeout as sleep } from 'node:timers/promises';
import type Docker from 'dockerode';
import { TaskfsError } from '../../../errors.ts';
import { chownArtifacts } from './chown-artifacts.ts';
import { openClient } from './connect.ts';
import { ignoreEnded, isMissing, isUnreachable, statusOf } from './failure.ts';
import { untilEnd } from './follow.ts';
import { removeLogOffsets } from './log-offsets.ts';
import type { ContainerState } from './running-container.ts';

/**
 * How long the removal of a container waits for an engine that does not answer, in milliseconds.
 */
const REMOVAL_PATIENCE_MS = 10_000;

/**
 * Ends and removes a container, and makes the files that it left the caller's. Idempotent. Throws
 * `failed` where the engine does not answer: it still has the container.
 */
export async function removeContainer(state: ContainerState): Promise<void> {
  const end = Date.now() + REMOVAL_PATIENCE_MS;
  for (;;) {
    try {
      return await removeNow(state);
    } catch (error) {
      if (!isUnreachable(error)) throw error;
      if (Date.now() > end) throw stillThere(state, error);
      await sleep(200);
    }
  }
}

const stillThere = ({ endpoint, container }: ContainerState, cause: unknown): TaskfsError =>
  new TaskfsError(
    'failed',
    `the container engine at ${endpoint.host} does not answer: ` +
      `it still has the container ${container}`,
    { hint: "'taskfs recover' removes it when the engine is back.", cause },
  );

async function removeNow(state: ContainerState): Promise<void> {
  const docker = openClient(state.endpoint);
  const container = docker.getContainer(state.container);
  removeLogOffsets(state.ledger);
  if (state.reclaim === null && (await removeEnded(container))) return;
  const isThere = await endContainer(container);
  // Also where somebody removed the container: the files it left are still there. Where it fails,
  // sealing says which files it cannot read.
  if (state.reclaim) await chownArtifacts(docker, state.container, state.reclaim).catch(() => {});
  if (isThere) await ignoreEnded(container.remove({ force: true, v: true }));
}

/**
 * Removes a container, as most are when their task ends;
 * false where it has not ended, or the engine refuses.
 */
async function removeEnded(container: Docker.Container): Promise<boolean> {
  try {
    await container.remove({ v: true });
    return true;
  } catch (error) {
    if (statusOf(error) === undefined) throw error;
    return isMissing(error);
  }
}

/** Kills a container that runs, and waits until it has ended; false where there is none. */
async function endContainer(container: Docker.Container): Promise<boolean> {
  try {
    const { State: state } = await container.inspect();
    if (!state.Running) return true;
    await ignoreEnded(container.kill());
    await untilEnd(container);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}
