import { closeSync, readFileSync } from 'node:fs';
import { Errno } from '../errno.ts';
import { AT, O_TMPFILE, openAt } from '../sys/index.ts';
import type { BackingIds } from './backing.ts';

const O_RDWR = 2;

/**
 * Tries passthrough with a nameless file in the directory where live files lie, so that a mount can
 * say at once whether it has it. Where no such file can be made the first open file tells.
 */
export function probePassthrough(backing: BackingIds, directory: string): void {
  if (backing.offBecause !== undefined) return;
  let fd: number;
  try {
    fd = openAt(AT.FDCWD, directory, O_TMPFILE | O_RDWR, 0o600);
  } catch (error) {
    if (error instanceof Errno) return;
    throw error;
  }
  try {
    backing.probe(fd);
  } finally {
    closeSync(fd);
  }
}

const WHOLE_MACHINE = /^\s*0\s+0\s+4294967295\s*$/;

/** Whether the kernel may let this process pass files through: root may, but not of a user namespace. */
export function mayPassThrough(): boolean {
  if (process.geteuid?.() !== 0) return false;
  return WHOLE_MACHINE.test(readFileSync('/proc/self/uid_map', 'utf8'));
}
