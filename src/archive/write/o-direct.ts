import { closeSync, constants, openSync, readSync } from 'node:fs';
import { Errno, errno } from '../../errno.ts';
import { readFullyAsync, writeFully } from '../../files/index.ts';
import { addressOf, fallocate } from '../../sys/index.ts';

/** Offsets, lengths and addresses must be multiples of this to bypass the page cache. */
const ALIGNMENT = 4096;

/** A file that may be written and read without the page cache. */
export interface DirectFile {
  /** For what is not aligned, or where the file system has no O_DIRECT. */
  readonly fd: number;
  /** The same file with O_DIRECT; undefined where there is none. */
  readonly direct: number | undefined;
}

/**
 * Opens a file that is open as `fd` once more, with O_DIRECT. Copying through the page cache costs
 * more processor time than encrypting, and reading back through it would not ask the disk.
 */
export function openDirect(fd: number, path: string): DirectFile {
  try {
    const flags = constants.O_RDWR | constants.O_DIRECT | constants.O_NOFOLLOW;
    return { fd, direct: openSync(path, flags) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EINVAL') throw error;
    return { fd, direct: undefined };
  }
}

export function closeDirect({ direct }: DirectFile): void {
  if (direct !== undefined) closeSync(direct);
}

/**
 * Allocates the blocks of a file before it is written, where the file system can. Throws Errno.
 */
export function preallocate(fd: number, length: number): void {
  try {
    fallocate(fd, 0, 0n, BigInt(length));
  } catch (error) {
    if (!(error instanceof Errno) || error.errno !== errno.EOPNOTSUPP) throw error;
  }
}

/**
 * Memory for extents of a file: each lies as far from an aligned address as it does in the file.
 */
export class DirectBuffer {
  private readonly bytes: Buffer;

  /** For at most `length` bytes. */
  constructor(length: number) {
    const bytes = Buffer.allocUnsafeSlow(length + 3 * ALIGNMENT);
    const past = Number(addressOf(bytes) % BigInt(ALIGNMENT));
    this.bytes = bytes.subarray(past === 0 ? 0 : ALIGNMENT - past);
  }

  /** Memory for the bytes at `position` of the file. */
  at(position: number, length: number): Buffer {
    const start = position % ALIGNMENT;
    return this.bytes.subarray(start, start + length);
  }
}

/**
 * Writes all of `DirectBuffer.at(position, …)`; only what is not aligned goes through the page
 * cache.
 */
export function writeDirect({ fd, direct }: DirectFile, bytes: Buffer, position: number): void {
  const [from, to] = alignedPart(bytes.length, position);
  writeFully(fd, bytes.subarray(0, from), position);
  writeFully(direct ?? fd, bytes.subarray(from, to), position + from);
  writeFully(fd, bytes.subarray(to), position + to);
}

/** Fills `DirectBuffer.at(position, …)` asynchronously; false where the file ends before. */
export async function readDirect(
  { fd, direct }: DirectFile,
  into: Buffer,
  position: number,
): Promise<boolean> {
  const [from, to] = alignedPart(into.length, position);
  const edges = [
    { part: into.subarray(0, from), at: position },
    { part: into.subarray(to), at: position + to },
  ];
  for (const { part, at } of edges)
    if (readSync(fd, part, 0, part.length, at) < part.length) return false;
  const middle = into.subarray(from, to);
  const got = await readFullyAsync(direct ?? fd, middle, position + from);
  return got === middle.length;
}

/** The part of an extent that can be read and written directly. */
function alignedPart(length: number, position: number): readonly [from: number, to: number] {
  const from = Math.min(length, Math.ceil(position / ALIGNMENT) * ALIGNMENT - position);
  const end = Math.floor((position + length) / ALIGNMENT) * ALIGNMENT - position;
  return [from, Math.max(from, end)];
}
