import { bind, check, cstring } from './libc.ts';

/** Calls relative to a directory's descriptor (openat(2) and its family). Names are raw bytes. */

export const AT = {
  FDCWD: -100,
  SYMLINK_NOFOLLOW: 0x100,
  REMOVEDIR: 0x200,
  SYMLINK_FOLLOW: 0x400,
  EMPTY_PATH: 0x1000,
} as const;

/** open(2)'s flags that Node's `fs.constants` lacks. */
export const O_PATH = 0o10000000;
export const O_CLOEXEC = 0o2000000;
export const O_TMPFILE = 0o20200000;

/** How openat2(2) may resolve a path; it holds whatever is renamed meanwhile. */
export const RESOLVE = {
  NO_XDEV: 0x01,
  NO_MAGICLINKS: 0x02,
  NO_SYMLINKS: 0x04,
  BENEATH: 0x08,
} as const;

/** utimensat(2): leave this time alone, or take the current one. */
const UTIME_OMIT = 0x3ffffffen;
const UTIME_NOW = 0x3fffffffn;

type Name = Uint8Array | string;

const c = {
  openat: bind('int openat(int, const void *, int, unsigned int)'),
  syscall: bind('int64_t syscall(int64_t, int64_t, const void *, void *, int64_t)'),
  mkdirat: bind('int mkdirat(int, const void *, unsigned int)'),
  mknodat: bind('int mknodat(int, const void *, unsigned int, uint64_t)'),
  symlinkat: bind('int symlinkat(const void *, int, const void *)'),
  linkat: bind('int linkat(int, const void *, int, const void *, int)'),
  unlinkat: bind('int unlinkat(int, const void *, int)'),
  readlinkat: bind('int64_t readlinkat(int, const void *, void *, size_t)'),
  fchownat: bind('int fchownat(int, const void *, unsigned int, unsigned int, int)'),
  fchmodat: bind('int fchmodat(int, const void *, unsigned int, int)'),
  utimensat: bind('int utimensat(int, const void *, const void *, int)'),
};

/** Opens `name` in `dirfd`; O_CLOEXEC is always added. Returns a descriptor. */
export function openAt(dirfd: number, name: Name, flags: number, mode = 0): number {
  return check(c.openat(dirfd, cstring(name), flags | O_CLOEXEC, mode));
}

const SYS_OPENAT2 = 437;
const openHow = Buffer.alloc(24);

/** openat2(2): opens `name` from `dirfd` under the RESOLVE rules. Returns a descriptor. */
export function openAt2(
  dirfd: number,
  name: Name,
  flags: number,
  resolve: number,
  mode = 0,
): number {
  openHow.writeBigUInt64LE(BigInt((flags | O_CLOEXEC) >>> 0), 0);
  openHow.writeBigUInt64LE(BigInt(mode), 8);
  openHow.writeBigUInt64LE(BigInt(resolve), 16);
  return check(c.syscall(SYS_OPENAT2, dirfd, cstring(name), openHow, openHow.length));
}

/** Opens the very file that a descriptor (O_PATH or open) stands for, under other flags. */
export const reopen = (fd: number, flags: number): number =>
  openAt(AT.FDCWD, `/proc/self/fd/${fd}`, flags);

export function mkdirAt(dirfd: number, name: Name, mode: number): void {
  check(c.mkdirat(dirfd, cstring(name), mode));
}

export function mknodAt(dirfd: number, name: Name, mode: number, rdev: number): void {
  check(c.mknodat(dirfd, cstring(name), mode, rdev));
}

export function symlinkAt(target: Name, dirfd: number, name: Name): void {
  check(c.symlinkat(cstring(target), dirfd, cstring(name)));
}

/** Links `name` as `newName`; a symlink is linked itself, unless AT.SYMLINK_FOLLOW. */
export function linkAt(
  dirfd: number,
  name: Name,
  newDirfd: number,
  newName: Name,
  flags = 0,
): void {
  check(c.linkat(dirfd, cstring(name), newDirfd, cstring(newName), flags));
}

export function unlinkAt(dirfd: number, name: Name): void {
  check(c.unlinkat(dirfd, cstring(name), 0));
}

export function rmdirAt(dirfd: number, name: Name): void {
  check(c.unlinkat(dirfd, cstring(name), AT.REMOVEDIR));
}

/** As much of a path as a system call takes, its end included. */
export const PATH_MAX = 4096;
const target = Buffer.alloc(PATH_MAX);

/** A symlink's target, raw. An empty `name` reads the O_PATH descriptor `dirfd` itself. */
export function readlinkAt(dirfd: number, name: Name): Buffer {
  const length = check(c.readlinkat(dirfd, cstring(name), target, PATH_MAX));
  return Buffer.from(target.subarray(0, length));
}

/** Changes the owner; 0xffffffff leaves a side as it is. Never follows a symlink. */
export function chownAt(dirfd: number, name: Name, uid: number, gid: number): void {
  check(c.fchownat(dirfd, cstring(name), uid, gid, AT.SYMLINK_NOFOLLOW | AT.EMPTY_PATH));
}

/** Changes the permission bits of what an open descriptor (O_PATH ones included) stands for. */
export function chmodFd(fd: number, mode: number): void {
  check(c.fchmodat(AT.FDCWD, cstring(`/proc/self/fd/${fd}`), mode, 0));
}

const times = Buffer.alloc(32);

/**
 * Sets access and modification time of `name` in `dirfd` (empty: of the descriptor itself), in
 * nanoseconds or UTIME_*.
 */
export function utimensAt(
  dirfd: number,
  name: Name,
  atime: bigint | 'omit' | 'now',
  mtime: bigint | 'omit' | 'now',
): void {
  writeTimespec(0, atime);
  writeTimespec(16, mtime);
  check(c.utimensat(dirfd, cstring(name), times, AT.SYMLINK_NOFOLLOW | AT.EMPTY_PATH));
}

function writeTimespec(offset: number, time: bigint | 'omit' | 'now'): void {
  if (typeof time !== 'bigint') {
    times.writeBigInt64LE(0n, offset);
    times.writeBigInt64LE(time === 'omit' ? UTIME_OMIT : UTIME_NOW, offset + 8);
    return;
  }
  const billion = 1_000_000_000n;
  const nanoseconds = ((time % billion) + billion) % billion;
  times.writeBigInt64LE((time - nanoseconds) / billion, offset);
  times.writeBigInt64LE(nanoseconds, offset + 8);
}
