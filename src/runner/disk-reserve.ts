import { randomBytes } from 'node:crypto';
import { statfsSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errno, errnoOf } from '../errno.ts';
import { syncFileSystem } from '../files/index.ts';

/**
 * Blocks that each task reserves for its end: a task that fills the disk
 * must not keep its supervisor from writing down how it ended. In pieces,
 * given up one by one when a write finds no space: what the first one
 * frees, sealing uses up, and its failure has to be written down as well.
 */
const PIECES = ['reserve.1', 'reserve.2', 'reserve.3'] as const;
const PIECE_BYTES = 32 * 1024;

/** Within a quota of btrfs a rename needs eleven free blocks of 16 KiB. */
const BTRFS_PIECE_BYTES = 256 * 1024;
const BTRFS = 0x9123683e;

/**
 * Makes the reserve in a task's directory. Written, not truncated to size, and with random bytes:
 * a hole, or what compresses well, reserves nothing.
 */
export function makeDiskReserve(directory: string): void {
  const isBtrfs = statfsSync(directory).type === BTRFS;
  const piece = randomBytes(isBtrfs ? BTRFS_PIECE_BYTES : PIECE_BYTES);
  for (const name of PIECES) writeFileSync(join(directory, name), piece, { mode: 0o600 });
}

/** Gives up what is left of the reserve. */
export function dropDiskReserve(directory: string): void {
  for (const name of PIECES) removePiece(join(directory, name));
}

/** Does a write; where the disk is full, gives up a piece of the reserve and tries again. */
export function withDiskReserve<T>(directory: string, write: () => T): T {
  for (const name of PIECES) {
    try {
      return write();
    } catch (error) {
      if (!isDiskFull(error)) throw error;
      removePiece(join(directory, name));
      // Some file systems (btrfs) count what was removed as used until their next commit.
      if (errnoOf(error) === errno.EDQUOT) syncFileSystem(directory);
    }
  }
  return write();
}

/** By unlink: rm hides which number a refusal has that Node knows no name for. */
function removePiece(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (errnoOf(error) !== errno.ENOENT && !isDiskFull(error)) throw error;
  }
}

/**
 * Whether a write found no space, or its owner's quota used
 * up. By number: Node has no name for EDQUOT.
 */
export function isDiskFull(error: unknown): boolean {
  const number = errnoOf(error);
  return number === errno.ENOSPC || number === errno.EDQUOT;
}
