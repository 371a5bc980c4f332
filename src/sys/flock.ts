import { Errno, errno } from '../errno.ts';
import { bind, check } from './libc.ts';

const LOCK_SH = 1;
const LOCK_EX = 2;
const LOCK_NB = 4;
const LOCK_UN = 8;
const flock = bind('int flock(int, int)');

/**
 * Tries to take flock(2) on an open descriptor, at once. The kernel drops it when the last copy of
 * the descriptor closes, also by kill -9. Returns whether it was had.
 */
export function tryLock(fd: number, kind: 'shared' | 'exclusive'): boolean {
  try {
    check(flock(fd, (kind === 'shared' ? LOCK_SH : LOCK_EX) | LOCK_NB));
    return true;
  } catch (error) {
    if (error instanceof Errno && error.errno === errno.EWOULDBLOCK) return false;
    throw error;
  }
}

/** Takes flock(2) exclusively, blocking this thread until it is had. */
export function waitLock(fd: number): void {
  check(flock(fd, LOCK_EX));
}

export function unlock(fd: number): void {
  check(flock(fd, LOCK_UN));
}
