import { TaskfsError } from '../../../errors.ts';
import { type Client, send } from '../docker/client.ts';
import { openClient } from '../docker/connect.ts';
import { reachContainer } from '../docker/container-handle.ts';
import { isMissing, wordsOf } from '../docker/failure.ts';
import type { RunState } from '../docker/running-container.ts';
import type { RunFacts } from '../engine.ts';
import type { RunHandle } from '../run-handle.ts';
import { hasEnded, type JobState, listContainers, readJob } from './job.ts';

/**
 * The run of a job whose container is one of the engine at hand; undefined where nothing of it
 * runs. Throws `failed` where it runs on another node, which has it alone, with the node's name.
 */
export async function reachJob(
  { endpoint, service }: Pick<RunState, 'endpoint'> & { readonly service: string },
  facts: RunFacts,
): Promise<RunHandle | undefined> {
  const docker = openClient(endpoint);
  const { task } = facts;
  try {
    // Asked first: it is answered by a node that is no manager, too.
    const [here] = await listContainers(docker, service);
    if (here) return await reachContainer({ endpoint, container: here.Id }, facts);
    const job = await readJob(docker, service);
    if (!job || hasEnded(job) || job.container === null) return undefined;
    throw elsewhere(task, await nameOf(docker, job));
  } catch (cause) {
    if (isMissing(cause)) return undefined;
    if (cause instanceof TaskfsError) throw cause;
    throw new TaskfsError('failed', `the engine of task ${task} answered: ${wordsOf(cause)}`, {
      hint: "Check that it runs, and that you may use it: 'taskfs doctor'.",
      cause,
    });
  }
}

function elsewhere(task: string, node: string): TaskfsError {
  return new TaskfsError('failed', `task ${task} runs on node ${node} of the swarm, not here`, {
    hint: `Call taskfs on ${node}, with the same store: its engine has the container.`,
  });
}

async function nameOf({ modem }: Client, { node }: JobState): Promise<string> {
  if (node === null) return 'unknown';
  const request = { method: 'GET', path: `/nodes/${node}` } as const;
  const { Description: about } = await send<NodeFacts>(modem, request);
  return about?.Hostname || node;
}

/** The part of a node that is used (Docker Engine API, "Node"). */
interface NodeFacts {
  readonly Description?: { readonly Hostname?: string };
}
