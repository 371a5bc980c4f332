import type { OnReadOpts, Socket } from 'node:net';
import type { Writable } from 'node:stream';
import type { Output } from '../engine.ts';
import type { Streams } from './command.ts';

/** What connects a run with this process: pipes, or a terminal. */
export interface RunStreams {
  /** What the command is started with. */
  readonly ofCommand: Streams;
  /** To be called after the start, whether it worked or not. */
  closeChildEnds(): void;
  /**
   * Resolves when the output ended, or when nothing came for a while although nobody was behind.
   * To be called when the command has ended.
   */
  drain(quietMs: number): Promise<void>;
  /** The end that is written to, where the run has input. */
  readonly stdin: Writable | undefined;
  /** Gives the terminal, where it is one, another size. */
  resize?(rows: number, columns: number): Promise<void>;
}

/** How much of a stream is read at once: the default capacity of a pipe on Linux. */
const BLOCK_BYTES = 64 * 1024;

/** A socket whose output is handed on. */
export interface FollowedOutput {
  readonly socket: Socket;
  /** As that of `RunStreams`. */
  drain(quietMs: number): Promise<void>;
}

/** Hands all that comes out of a socket on, and waits where the output is behind. */
export function followOutput(
  open: (onread: OnReadOpts) => Socket,
  stream: 'stdout' | 'stderr',
  output: Output,
): FollowedOutput {
  let lastRead = Date.now();
  let behind = false;
  // One buffer for all reads: a new one for each would be 100 MiB of garbage a second.
  const source = open({
    buffer: Buffer.alloc(BLOCK_BYTES),
    callback(length, block) {
      lastRead = Date.now();
      const caughtUp = output.write(stream, Buffer.from(block.buffer, block.byteOffset, length));
      if (caughtUp) wait(caughtUp);
      return !behind;
    },
  });
  const wait = (caughtUp: Promise<void>): void => {
    behind = true;
    void caughtUp.then(() => {
      behind = false;
      lastRead = Date.now();
      source.resume();
    });
  };
  const ended = new Promise<void>((resolve) => source.once('close', () => resolve()));
  source.on('error', () => source.destroy());
  source.resume();
  return {
    socket: source,
    drain(quietMs) {
      // A process that got away may hold the pipe open for ever: its silence ends the waiting.
      const timer = setInterval(() => {
        if (!behind && Date.now() - lastRead > quietMs) source.destroy();
      }, quietMs / 4);
      lastRead = Date.now();
      return ended.finally(() => clearInterval(timer));
    },
  };
}
