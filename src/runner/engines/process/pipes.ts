import { closeSync, openSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { makePipe } from '../../../sys/index.ts';
import type { Output } from '../engine.ts';
import { followOutput, type RunStreams } from './streams.ts';

/**
 * Opens the pipes of a run and starts handing what comes out of them to `output`: one for both
 * streams where they need not be told apart. Its input is what comes from `sources`, until one of
 * them ends, or nothing at all to read.
 */
export function openPipes(output: Output, sources: readonly Readable[]): RunStreams {
  const out = makePipe();
  const err = output.merged ? out : makePipe();
  const input = openInput(sources);
  const readers = [follow(out.read, 'stdout', output)];
  if (err !== out) readers.push(follow(err.read, 'stderr', output));
  return {
    ofCommand: { stdin: input.fd, stdout: out.write, stderr: err.write },
    closeChildEnds() {
      for (const fd of new Set([out.write, err.write, input.fd])) closeSync(fd);
    },
    async drain(quietMs) {
      await Promise.all(readers.map((reader) => reader.drain(quietMs)));
    },
    stdin: input.target,
  };
}

interface InputPipe {
  /** A descriptor for the child's stdin. */
  readonly fd: number;
  readonly target: Writable | undefined;
}

function openInput(sources: readonly Readable[]): InputPipe {
  if (sources.length === 0) return { fd: openSync('/dev/null', 'r'), target: undefined };
  const { read, write } = makePipe();
  const target = new Socket({ fd: write, readable: false, writable: true });
  // The command may end, close its stdin or never start before the input ends.
  target.on('error', () => {});
  for (const source of sources) {
    for (const over of ['error', 'finish']) target.on(over, () => source.unpipe(target));
    source.pipe(target);
  }
  return { fd: read, target };
}

const follow = (fd: number, stream: 'stdout' | 'stderr', output: Output) =>
  followOutput(
    (onread) => new Socket({ fd, readable: true, writable: false, onread }),
    stream,
    output,
  );
