import type { Duplex } from 'node:stream';
import type Docker from 'dockerode';
import type { EngineState, Running } from '../engine.ts';
import type { ChownPlan } from './chown-artifacts.ts';
import type { Endpoint } from './endpoint.ts';
import { ignoreEnded, wordsOf } from './failure.ts';

/** What can be done with a container that runs. */
export function runningContainer(
  container: Docker.Container,
  ended: Running['ended'],
  stdin: Duplex | undefined,
  stopSignal: string | null,
): Running {
  return {
    ended,
    ...(stopSignal !== null && { stopSignal }),
    signal: (signal) => sendSignal(container, signal),
    pause: () => ignoreEnded(container.pause()),
    resume: () => ignoreEnded(container.unpause()),
    stdin,
    // One that has ended, or has no terminal, needs no size.
    resize: (rows, columns) => container.resize({ h: rows, w: columns }).then(noop, noop),
  };
}

const noop = (): void => {};

async function sendSignal(container: Docker.Container, signal: string): Promise<void> {
  try {
    await container.kill({ signal });
  } catch (error) {
    if (/paused/i.test(wordsOf(error))) {
      // A paused container takes no signal, not even SIGKILL.
      await ignoreEnded(container.unpause());
      await ignoreEnded(container.kill({ signal }));
      return;
    }
    await ignoreEnded(Promise.reject(error));
  }
}

/** What is remembered of a run in the task's record, whether a container or a swarm's service. */
export interface RunState {
  readonly endpoint: Endpoint;
  /** The file of its log offsets. */
  readonly ledger: string;
  /** How its files are made the caller's; null where they are already. */
  readonly reclaim: ChownPlan | null;
}

export interface ContainerState extends RunState {
  /** The container's name: known before there is one, so that none is left behind unknown. */
  readonly container: string;
  readonly tty: boolean;
}

/** The state of a run as a task's record kept it. */
export const readState = (state: EngineState): ContainerState => state as unknown as ContainerState;
