import { readSync } from 'node:fs';

/** Fills `into` from a position of a file; returns how many bytes there were. */
export function readFully(fd: number, into: Uint8Array, position: number): number {
  let got = 0;
  while (got < into.length) {
    const count = readSync(fd, into, got, into.length - got, position + got);
    if (count === 0) break;
    got += count;
  }
  return got;
}
