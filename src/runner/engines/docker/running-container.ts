import type { Duplex } from 'node:stream';
import { messageOf } from '../../../errors.ts';
import type { Running } from '../engine.ts';
import type { Container } from './client.ts';
import { ignoreEnded } from './failure.ts';

/** What can be done with a container that runs. */
export function runningContainer(
  container: Container,
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
    resize: (rows, columns) => container.resize(rows, columns).then(noop, noop),
  };
}

const noop = (): void => {};

async function sendSignal(container: Container, signal: string): Promise<void> {
  try {
    await container.kill(signal);
  } catch (error) {
    if (/paused/i.test(messageOf(error))) {
      // A paused container takes no signal, not even SIGKILL.
      await ignoreEnded(container.unpause());
      await ignoreEnded(container.kill(signal));
      return;
    }
    await ignoreEnded(Promise.reject(error));
  }
}
