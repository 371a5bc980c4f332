import { Errno, errno } from '../errno.ts';
import { bind, check, lastErrno } from './libc.ts';

/** Locks on open files: flock(2), record locks of open file descriptions, and leases. */

const flock = bind('int flock(int, int)');
const LOCK_SH = 1;
const LOCK_EX = 2;
const LOCK_NB = 4;
const LOCK_UN = 8;

/**
 * Tries to take flock(2) on an open descriptor without waiting. The kernel drops it when the last
 * copy of the descriptor closes, also by kill -9. Returns whether it was taken.
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

/** Takes flock(2) exclusively, blocking this thread until it is free. */
export function waitLock(fd: number): void {
  check(flock(fd, LOCK_EX));
}

/** Drops flock(2). */
export function unlock(fd: number): void {
  check(flock(fd, LOCK_UN));
}

/**
 * Byte-range locks that belong to an open file description (F_OFD_* of fcntl(2)). They conflict
 * with every other process's record locks, and go when the description's last descriptor closes.
 * `struct flock` has the same layout on all 64-bit Linux.
 */
export interface RecordLock {
  readonly type: 'read' | 'write' | 'unlock';
  readonly start: bigint;
  /** Inclusive. */
  readonly end: bigint;
}

const recordLock = bind('int fcntl(int, int, void *)');
const F_OFD_GETLK = 36;
const F_OFD_SETLK = 37;
const TYPES = ['read', 'write', 'unlock'] as const;
const MAX_OFFSET = 0x7fffffffffffffffn;
const struct = Buffer.alloc(32);

function encode({ type, start, end }: RecordLock): void {
  struct.fill(0);
  struct.writeInt16LE(TYPES.indexOf(type), 0);
  struct.writeBigInt64LE(start, 8);
  struct.writeBigInt64LE(end >= MAX_OFFSET ? 0n : end - start + 1n, 16);
}

/** Takes or drops a lock without waiting. Throws EAGAIN where another one conflicts. */
export function setRecordLock(fd: number, lock: RecordLock): void {
  encode(lock);
  check(recordLock(fd, F_OFD_SETLK, struct));
}

/** The lock that conflicts with `lock`, and its holder's pid (-1 where an open file holds it). */
export function findRecordLock(
  fd: number,
  lock: RecordLock,
): (RecordLock & { readonly pid: number }) | undefined {
  encode(lock);
  check(recordLock(fd, F_OFD_GETLK, struct));
  const type = TYPES[struct.readInt16LE(0)];
  if (type === undefined || type === 'unlock') return undefined;
  const start = struct.readBigInt64LE(8);
  const length = struct.readBigInt64LE(16);
  const end = length === 0n ? MAX_OFFSET : start + length - 1n;
  return { type, start, end, pid: struct.readInt32LE(24) };
}

const lease = bind('int fcntl(int, int, int64_t)');
const F_SETSIG = 10;
const F_SETLEASE = 1024;
const F_RDLCK = 0;
const F_UNLCK = 2;
/** Ignored by default; a broken lease's own signal would end a process that does not expect it. */
const SIGURG = 23;

/**
 * Whether anybody has a file open for writing, or mapped to be written: then the kernel refuses a
 * lease for readers. `fd` is open to read only. False where that cannot be found out: for another
 * user's file, and on file systems without leases.
 */
export const isOpenForWriting = (fd: number): boolean => tryLease(fd) === errno.EAGAIN;

/** Whether nobody has it so. False where that cannot be found out. */
export const isSurelyUnwritten = (fd: number): boolean => tryLease(fd) === 0;

/** Takes a lease for readers and gives it back; returns 0, or the errno number of a refusal. */
function tryLease(fd: number): number {
  lease(fd, F_SETSIG, SIGURG);
  if (lease(fd, F_SETLEASE, F_RDLCK) === -1) return lastErrno();
  lease(fd, F_SETLEASE, F_UNLCK);
  return 0;
}
