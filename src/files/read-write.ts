import { read, readSync, writeSync } from 'node:fs';
import { promisify } from 'node:util';

// read(2) and write(2) may stop early: these repeat them until all is done.

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

const readSome = promisify(read);

/** The same on a thread of Node's pool. */
export async function readFullyAsync(
  fd: number,
  into: Uint8Array,
  position: number,
): Promise<number> {
  let got = 0;
  while (got < into.length) {
    const { bytesRead } = await readSome(fd, into, got, into.length - got, position + got);
    if (bytesRead === 0) break;
    got += bytesRead;
  }
  return got;
}

/** Writes all of `bytes` at a position of a file; without one at its end or current position. */
export function writeFully(fd: number, bytes: Uint8Array, position?: number): void {
  for (let at = 0; at < bytes.length; ) {
    const where = position === undefined ? null : position + at;
    at += writeSync(fd, bytes, at, bytes.length - at, where);
  }
}
