import { createHash } from 'node:crypto';
import { closeSync, fstatSync, fsyncSync, ftruncateSync, readSync } from 'node:fs';
import { writeFully } from '../files/index.ts';

/** The content of files that are open, as descriptors. */

/**
 * Gives the file `to` the content of `from`, and closes it. It grows first: on a disk that is full,
 * what was in it stays.
 */
export function replaceContent(from: number, to: number): void {
  try {
    const { size } = fstatSync(from);
    const before = fstatSync(to).size;
    try {
      copyRange(from, to, before, size);
    } catch (error) {
      ftruncateSync(to, before);
      throw error;
    }
    copyRange(from, to, 0, Math.min(before, size));
    ftruncateSync(to, size);
    fsyncSync(to);
  } finally {
    closeSync(to);
  }
}

/** Copies a file's content to the beginning of another. */
export function copyContent(from: number, to: number): void {
  copyRange(from, to, 0, Number.POSITIVE_INFINITY);
}

const PIECE = Buffer.alloc(256 * 1024);

/** Copies the bytes from `start` to `end`, or to the end of the file. */
function copyRange(from: number, to: number, start: number, end: number): void {
  for (let at = start; at < end; ) {
    const got = readSync(from, PIECE, 0, Math.min(PIECE.length, end - at), at);
    if (got === 0) return;
    writeFully(to, PIECE.subarray(0, got), at);
    at += got;
  }
}

/** The SHA-256 of a file's content, in hexadecimal. */
export function digestOf(fd: number): string {
  const hash = createHash('sha256');
  for (let at = 0; ; ) {
    const got = readSync(fd, PIECE, 0, PIECE.length, at);
    if (got === 0) return hash.digest('hex');
    hash.update(PIECE.subarray(0, got));
    at += got;
  }
}
