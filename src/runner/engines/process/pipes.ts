import { closeSync, openSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { makePipe } from '../../../sys/index.ts';
import type { Output } from '../engine.ts';

/** The pipes that carry a run's output: one for both streams where they need not be told apart. */
export interface OutputPipes {
  /** Descriptors for the child's stdout and stderr. */
  readonly stdout: number;
  readonly stderr: number;
  /**
   * Closes this process's copies of the child's ends; after the spawn, whether it worked or not.
   */
  closeChildEnds(): void;
  /**
   * Resolves when both streams ended, or when nothing came for a while although nobody was behind.
   */
  drain(quietMs: number): Promise<void>;
}

/** Opens the pipes and starts handing what comes out of them to `output`. */
export function openPipes(output: Output): OutputPipes {
  const out = makePipe();
  const err = output.merged ? out : makePipe();
  const readers = [follow(out.read, 'stdout', output)];
  if (err !== out) readers.push(follow(err.read, 'stderr', output));
  return {
    stdout: out.write,
    stderr: err.write,
    closeChildEnds() {
      for (const fd of new Set([out.write, err.write])) closeSync(fd);
    },
    async drain(quietMs) {
      await Promise.all(readers.map((reader) => reader.drain(quietMs)));
    },
  };
}

/** What a run reads. */
export interface InputPipe {
  /** A descriptor for the child's stdin. */
  readonly fd: number;
  /** The end that is written to, where the run has input. */
  readonly target: Writable | undefined;
  /** Closes this process's copy of the child's end; after the spawn, whether it worked or not. */
  closeChildEnd(): void;
}

/** Opens a pipe for what comes from `source`, or nothing at all to read where there is none. */
export function openInput(source: Readable | undefined): InputPipe {
  if (source === undefined) {
    const fd = openSync('/dev/null', 'r');
    return { fd, target: undefined, closeChildEnd: () => closeSync(fd) };
  }
  const { read, write } = makePipe();
  const target = new Socket({ fd: write, readable: false, writable: true });
  // The command may end, close its stdin or never start before the input ends.
  target.on('error', () => source.unpipe(target));
  source.pipe(target);
  return { fd: read, target, closeChildEnd: () => closeSync(read) };
}

/** How much of a pipe is read at once: its default capacity on Linux. */
const BLOCK_BYTES = 64 * 1024;

function follow(fd: number, stream: 'stdout' | 'stderr', output: Output) {
  let lastRead = Date.now();
  let behind = false;
  // One buffer for all reads: a new one for each would be 100 MiB of garbage a second.
  const source: Socket = new Socket({
    fd,
    readable: true,
    writable: false,
    onread: {
      buffer: Buffer.alloc(BLOCK_BYTES),
      callback(length, block) {
        lastRead = Date.now();
        const caughtUp = output.write(stream, Buffer.from(block.buffer, block.byteOffset, length));
        if (caughtUp) wait(caughtUp);
        return !behind;
      },
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
    drain(quietMs: number): Promise<void> {
      // A process that got away may hold the pipe open for ever: its silence ends the waiting.
      const timer = setInterval(() => {
        if (!behind && Date.now() - lastRead > quietMs) source.destroy();
      }, quietMs / 4);
      lastRead = Date.now();
      return ended.finally(() => clearInterval(timer));
    },
  };
}
