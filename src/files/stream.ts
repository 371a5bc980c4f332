import { closeSync, openSync, readSync } from 'node:fs';
import { TaskfsError } from '../errors.ts';

const PIECE = 64 * 1024;

/**
 * The content of a file that a person has named, which may be a pipe, as the shell's `<(command)`
 * is. Throws `usage` where more than `limit` bytes come, as of a device that never ends, else what
 * the calls throw.
 */
export function readStream(path: string, limit: number): Buffer {
  const fd = openSync(path, 'r');
  try {
    const pieces: Buffer[] = [];
    for (let total = 0; total <= limit; ) {
      const piece = Buffer.alloc(PIECE);
      const count = readSync(fd, piece);
      if (count === 0) return Buffer.concat(pieces);
      pieces.push(piece.subarray(0, count));
      total += count;
    }
  } finally {
    closeSync(fd);
  }
  throw new TaskfsError('usage', `${path} is too long: more than ${limit} bytes`, {
    hint: 'Name the right file.',
  });
}
