import { bind, check } from './libc.ts';

/**
 * Byte-range locks that belong to an open file description (F_OFD_* of fcntl(2), Linux). They
 * conflict with every other process's record locks, and go when the description's last descriptor
 * closes. `struct flock` has the same layout on all 64-bit Linux.
 */
export interface RecordLock {
  readonly type: 'read' | 'write' | 'unlock';
  readonly start: bigint;
  /** Inclusive. */
  readonly end: bigint;
}

const fcntl = bind('int fcntl(int, int, void *)');
const F_OFD_GETLK = 36;
const F_OFD_SETLK = 37;
const TYPES = ['read', 'write', 'unlock'] as const;
const MAX_OFFSET = 0x7fffffffffffffffn;
const struct = Buffer.alloc(32);

function write({ type, start, end }: RecordLock): void {
  struct.fill(0);
  struct.writeInt16LE(TYPES.indexOf(type), 0);
  struct.writeBigInt64LE(start, 8);
  struct.writeBigInt64LE(end >= MAX_OFFSET ? 0n : end - start + 1n, 16);
}

/** Takes or drops a lock at once; throws EAGAIN where somebody else's stands in the way. */
export function setRecordLock(fd: number, lock: RecordLock): void {
  write(lock);
  check(fcntl(fd, F_OFD_SETLK, struct));
}

/**
 * The lock that stands in the way of `lock`, with its holder's pid (-1: an open file's, not a
 * process's).
 */
export function findRecordLock(
  fd: number,
  lock: RecordLock,
): (RecordLock & { readonly pid: number }) | undefined {
  write(lock);
  check(fcntl(fd, F_OFD_GETLK, struct));
  const type = TYPES[struct.readInt16LE(0)];
  if (type === undefined || type === 'unlock') return undefined;
  const start = struct.readBigInt64LE(8);
  const length = struct.readBigInt64LE(16);
  const end = length === 0n ? MAX_OFFSET : start + length - 1n;
  return { type, start, end, pid: struct.readInt32LE(24) };
}
