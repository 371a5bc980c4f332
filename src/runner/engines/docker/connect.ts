import { TaskfsError } from '../../../errors.ts';
import { type Client, createClient, type Greeting } from './client.ts';
import type { Endpoint } from './endpoint.ts';
import { wordsOf } from './failure.ts';
import { transportTo } from './transport.ts';

/** An engine that answered. */
export interface Connection extends Greeting {
  readonly docker: Client;
  readonly endpoint: Endpoint;
}

/** Finds the first engine that answers. Throws `failed`, saying what to do, where none does. */
export async function connect(
  endpoints: readonly Endpoint[],
  signal?: AbortSignal,
): Promise<Connection> {
  const refusals: Refusal[] = [];
  for (const endpoint of endpoints) {
    const docker = openClient(endpoint);
    try {
      return { docker, endpoint, ...(await docker.ping(signal)) };
    } catch (cause) {
      signal?.throwIfAborted();
      refusals.push({ endpoint, cause: cause as NodeJS.ErrnoException });
    }
  }
  throw explainRefusals(refusals);
}

/** A client for an engine, whether it answers or not. */
export function openClient(endpoint: Endpoint): Client {
  return createClient(transportTo(endpoint));
}

interface Refusal {
  readonly endpoint: Endpoint;
  readonly cause: NodeJS.ErrnoException;
}

/** A socket that may not be used says more than one that is not there. */
function explainRefusals(refusals: readonly Refusal[]): TaskfsError {
  const forbidden = refusals.find(({ cause }) => cause.code === 'EACCES' || cause.code === 'EPERM');
  if (forbidden) {
    return new TaskfsError(
      'failed',
      `no permission to use the container engine at ${forbidden.endpoint.host}`,
      {
        hint:
          "Join the group that owns the socket ('docker', usually), use a rootless engine, " +
          'or leave out --image to run the command as a local process.',
        cause: forbidden.cause,
      },
    );
  }
  const tried = refusals.map(({ endpoint }) => endpoint.host).join(', ');
  const cause = refusals[0]?.cause;
  const why = refusals.length === 1 && cause ? ` (${wordsOf(cause)})` : '';
  return new TaskfsError('failed', `no container engine answers at ${tried}${why}`, {
    hint:
      "Start one ('systemctl start docker', or Docker Desktop), name another with DOCKER_HOST, " +
      'or leave out --image to run the command as a local process.',
    cause,
  });
}
