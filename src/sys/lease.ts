import { errno } from '../errno.ts';
import { bind, lastErrno } from './libc.ts';

const fcntl = bind('int fcntl(int, int, int64_t)');
const F_SETSIG = 10;
const F_SETLEASE = 1024;
const F_RDLCK = 0;
const F_UNLCK = 2;
/** Does nothing to a process that does not expect it; a broken lease's own signal would end it. */
const SIGURG = 23;

/**
 * Whether anybody has a file open for writing, or mapped to be written: then the kernel refuses a
 * lease for readers. `fd` is open to read only. False where it cannot be told: for another user's
 * file, and on file systems without leases.
 */
export function isOpenForWriting(fd: number): boolean {
  fcntl(fd, F_SETSIG, SIGURG);
  if (fcntl(fd, F_SETLEASE, F_RDLCK) === -1) return lastErrno() === errno.EAGAIN;
  fcntl(fd, F_SETLEASE, F_UNLCK);
  return false;
}
