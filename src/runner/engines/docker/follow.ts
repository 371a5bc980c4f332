import { setTimeout as sleep } from 'node:timers/promises';
import type Docker from 'dockerode';
import { messageOf } from '../../../errors.ts';
import type { Exit, Output } from '../engine.ts';
import { type Client, send } from './client.ts';
import { exitOf } from './exit.ts';
import { isMissing } from './failure.ts';
import { splitFrames, unframed } from './frames.ts';
import type { LogOffsets } from './log-offsets.ts';
import { createSkip } from './lost-line-feeds.ts';

/** A container whose output is followed to its end. */
export interface Followed {
  readonly docker: Client;
  readonly container: Docker.Container;
  readonly tty: boolean;
  readonly offsets: LogOffsets;
  readonly output: Output;
  /** How long an engine that does not answer is waited for, in milliseconds. */
  readonly patienceMs: number;
}

/** Before the engine is asked again for what it broke off. */
const RETRY_PAUSE_MS = 100;

type ByteStream = AsyncIterable<Buffer>;

/**
 * Follows a started container: its output, from an attached stream or from the engine's log, and
 * its end. After an interruption of the engine it continues with the engine's log where it
 * stopped. Resolves after the last byte was handed on; never rejects.
 */
export async function followContainer(followed: Followed, attached?: ByteStream): Promise<Exit> {
  const { container } = followed;
  let source = attached;
  let mayBeUnseen = attached === undefined;
  for (;;) {
    try {
      // In parallel: a later request to wait would add a round trip to every task.
      const [ended, drained] = await Promise.allSettled([
        untilEnd(container),
        drain(followed, source),
      ]);
      const { State: state } = await container.inspect();
      if (state.Status === 'removing') return removed;
      if (state.Status === 'created') return unstarted;
      const isWhole = ended.status === 'fulfilled' && drained.status === 'fulfilled';
      if (isWhole && !state.Running) return mayBeUnseen ? inDoubt(exitOf(state)) : exitOf(state);
    } catch (error) {
      if (isMissing(error)) return removed;
      if (!(await waitForEngine(followed))) return unreachable(error);
    }
    source = undefined;
    mayBeUnseen = true;
    await sleep(RETRY_PAUSE_MS);
  }
}

/**
 * Waits for a container's end by one request that the engine answers
 * then: no polling. Not with dockerode's wait, which never settles
 * where the engine goes away after the headers of its answer.
 */
export async function untilEnd({ id, modem }: Docker.Container): Promise<void> {
  const answer = await send<ByteStream>(modem, {
    method: 'POST',
    path: `/containers/${id}/wait`,
    query: { condition: 'not-running' },
    isStream: true,
  });
  // The stream throws where it is cut off.
  for await (const _ of answer);
}

async function drain(followed: Followed, attached: ByteStream | undefined): Promise<void> {
  const { container, tty, offsets, output } = followed;
  const { counts, feeds } = offsets;
  const skip = attached ? undefined : createSkip({ ...counts }, feeds.places);
  const source = attached ?? (await openLog(container));
  for await (const { stream, bytes } of tty ? unframed(source) : splitFrames(source)) {
    if (stream === 'system') {
      output.cut?.(bytes.toString().trim());
      continue;
    }
    const fresh = skip ? skip(stream, bytes) : bytes;
    if (fresh.length === 0) continue;
    if (!skip) feeds.note(stream, fresh, counts[stream]);
    offsets.enter(stream, fresh.length);
    await output.write(stream, fresh);
  }
}

/** The engine's log of a container from its beginning, and on until it ends. */
async function openLog(container: Docker.Container): Promise<ByteStream> {
  const stream = await container.logs({ follow: true, stdout: true, stderr: true });
  return stream as unknown as ByteStream;
}

/** Whether the engine answered again within `patienceMs`. */
async function waitForEngine({ docker, patienceMs }: Followed): Promise<boolean> {
  const end = Date.now() + patienceMs;
  for (let pause = 50; Date.now() < end; pause = Math.min(2 * pause, 2000)) {
    try {
      await docker.ping();
      return true;
    } catch {
      await sleep(pause);
    }
  }
  return false;
}

const removed: Exit = {
  exitCode: null,
  signal: null,
  kind: 'engine-lost',
  reason: 'the container was removed by somebody else',
};

/** What dockerd says of a container whose end it did not see, and the code that ssh fails with. */
const UNSEEN = 255;

const inDoubt = (exit: Exit): Exit =>
  exit.exitCode === UNSEEN
    ? { ...exit, reason: `${exit.reason}, or the engine did not see how it ended` }
    : exit;

const unstarted: Exit = {
  exitCode: null,
  signal: null,
  kind: 'engine-lost',
  reason: 'the container engine went away while it started the container: it may have run',
};

function unreachable(error: unknown): Exit {
  const reason = `the container engine went away and did not come back (${messageOf(error)})`;
  return { exitCode: null, signal: null, kind: 'engine-lost', reason };
}
