import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/**
 * Reads of what may be gone by then or another user's, as in /proc and in control groups: then
 * there is nothing to see.
 */

export function textOrEmpty(path: string, encoding: BufferEncoding = 'utf8'): string {
  try {
    return readFileSync(path, encoding);
  } catch {
    return '';
  }
}

export function namesOrNone(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

/** Where a symlink leads. */
export function targetOrEmpty(link: string): string {
  try {
    return readlinkSync(link);
  } catch {
    return '';
  }
}
