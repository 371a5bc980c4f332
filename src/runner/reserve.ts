import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * A few blocks that each task keeps for its own end: a task that fills the disk must not keep its
 * supervisor from writing down how it ended. Given up at the first write that finds no space.
 */
const SIZE = 64 * 1024;

const reservePath = (directory: string): string => join(directory, 'reserve');

/** Makes the reserve in a task's directory. Written, not truncated to size: a hole reserves nothing. */
export function makeReserve(directory: string): void {
  writeFileSync(reservePath(directory), Buffer.alloc(SIZE, 1), { flag: 'wx', mode: 0o600 });
}

/** Gives the reserve up. */
export function dropReserve(directory: string): void {
  rmSync(reservePath(directory), { force: true });
}

/** Does a write; where the disk is full, gives the reserve up and tries once more. */
export function withReserve<T>(directory: string, write: () => T): T {
  try {
    return write();
  } catch (error) {
    if (!isDiskFull(error)) throw error;
    dropReserve(directory);
    return write();
  }
}

export function isDiskFull(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOSPC' || code === 'EDQUOT';
}
