import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Some blocks that each task keeps for its own end: a task that fills the disk must not keep its
 * supervisor from writing down how it ended. In pieces, given up one by one when a write finds no
 * space: what the first one frees, sealing uses up, and its failure has to be written down as well.
 */
const PIECES = ['reserve.1', 'reserve.2', 'reserve.3'] as const;
const PIECE_BYTES = 32 * 1024;

/** Makes the reserve in a task's directory. Written, not truncated to size: a hole reserves nothing. */
export function makeReserve(directory: string): void {
  const piece = Buffer.alloc(PIECE_BYTES, 1);
  for (const name of PIECES) writeFileSync(join(directory, name), piece, { mode: 0o600 });
}

/** Gives up what is left of the reserve. */
export function dropReserve(directory: string): void {
  for (const name of PIECES) rmSync(join(directory, name), { force: true });
}

/** Does a write; where the disk is full, gives up a piece of the reserve and tries again. */
export function withReserve<T>(directory: string, write: () => T): T {
  for (const name of PIECES) {
    try {
      return write();
    } catch (error) {
      if (!isDiskFull(error)) throw error;
      rmSync(join(directory, name), { force: true });
    }
  }
  return write();
}

export function isDiskFull(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOSPC' || code === 'EDQUOT';
}
