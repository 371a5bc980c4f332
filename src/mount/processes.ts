import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/**
 * What /proc shows of processes. One may have ended by any of these reads, or be another user's:
 * then there is nothing to see.
 */

/** The numbers of all processes, as their directories in /proc are named. */
export const processes = (): string[] => namesIn('/proc').filter((name) => /^\d+$/.test(name));

export function textOf(path: string, encoding: BufferEncoding = 'utf8'): string {
  try {
    return readFileSync(path, encoding);
  } catch {
    return '';
  }
}

export function namesIn(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

export function linkAt(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
