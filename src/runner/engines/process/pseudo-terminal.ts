import { closeSync, constants, openSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { ReadStream } from 'node:tty';
import { openPseudoTerminal, setTerminalSize } from '../../../sys/index.ts';
import type { Output } from '../engine.ts';
import { followOutput, type RunStreams } from './streams.ts';

/**
 * Opens a terminal for a run, with `size` in rows and columns, or the kernel's none, and starts
 * handing what it prints to `output`. `sources` are what is typed.
 */
export function openTerminal(
  output: Output,
  sources: readonly Readable[],
  size: readonly [rows: number, columns: number] | null,
): RunStreams {
  const { master, path } = openPseudoTerminal();
  if (size !== null) setTerminalSize(master, ...size);
  // Held until the run has ended: with nobody at its other side, reading it fails.
  const held = openSync(path, constants.O_RDWR | constants.O_NOCTTY);
  const { socket, drain } = followOutput(
    (onread) => new ReadStream(master, { onread }),
    'stdout',
    output,
  );
  for (const source of sources) source.pipe(socket, { end: false });
  return {
    ofCommand: { terminal: path },
    closeChildEnds() {},
    drain(quietMs) {
      closeSync(held);
      for (const source of sources) source.unpipe(socket);
      return drain(quietMs);
    },
    stdin: sources.length > 0 ? socket : undefined,
    async resize(rows, columns) {
      if (!socket.destroyed) setTerminalSize(master, rows, columns);
    },
  };
}
