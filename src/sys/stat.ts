import { Errno, errno } from '../errno.ts';
import { AT } from './at.ts';
import { bind, check, cstring, lastErrno } from './libc.ts';
import { nanosecondsOf } from './timespec.ts';

/** The result of statx(2). Times are nanoseconds since the epoch; `blocks` are of 512 bytes. */
export interface Stat {
  readonly dev: bigint;
  readonly ino: bigint;
  /** Type and permission bits, as st_mode. */
  readonly mode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  /** Device number as the kernel packs it in 32 bits: major 12 bits, minor 20. */
  readonly rdev: number;
  readonly size: bigint;
  readonly blocks: bigint;
  readonly blksize: number;
  readonly atimeNs: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  /** Creation time where the file system keeps one, else 0. */
  readonly btimeNs: bigint;
  /** The mount that it was reached by, as numbered in mountinfo; 0 before Linux 5.8. */
  readonly mount: number;
}

export const S_IFMT = 0o170000;
export const S_IFDIR = 0o040000;
export const S_IFREG = 0o100000;
export const S_IFLNK = 0o120000;
export const S_IFIFO = 0o010000;
export const S_IFSOCK = 0o140000;
export const S_IFCHR = 0o020000;
export const S_IFBLK = 0o060000;

export const isDirectory = (mode: number): boolean => (mode & S_IFMT) === S_IFDIR;
export const isRegular = (mode: number): boolean => (mode & S_IFMT) === S_IFREG;
export const isSymlink = (mode: number): boolean => (mode & S_IFMT) === S_IFLNK;

/** The DT_* of readdir(3) for the type in st_mode (IFTODT of <dirent.h>). */
export const direntTypeOf = (mode: number): number => (mode & S_IFMT) >> 12;

/** STATX_BASIC_STATS, STATX_BTIME and STATX_MNT_ID. */
const WANTED = 0x1fff;
const statx = bind('int statx(int, const void *, int, unsigned int, void *)');
const buffer = Buffer.alloc(256);
const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);

/** stat of `name` in the directory `dirfd`; a symlink is itself, never followed. */
export function statAt(dirfd: number, name: Uint8Array | string): Stat {
  check(statx(dirfd, cstring(name), AT.SYMLINK_NOFOLLOW, WANTED, buffer));
  return decode();
}

/** The same; undefined where nothing has this name, which an exception would make dear. */
export function findAt(dirfd: number, name: Uint8Array | string): Stat | undefined {
  if (statx(dirfd, cstring(name), AT.SYMLINK_NOFOLLOW, WANTED, buffer) === 0) return decode();
  const error = lastErrno();
  if (error === errno.ENOENT) return undefined;
  throw Errno.of(error);
}

/** Uses what the kernel knows, without asking the server of a network or FUSE file system. */
const AT_STATX_DONT_SYNC = 0x4000;

/**
 * stat of `name` as `statAt`, at once, even where what is mounted on it has a server that hangs.
 * Of a file that a server keeps it may be outdated.
 */
export function peekAt(dirfd: number, name: Uint8Array | string): Stat {
  const flags = AT.SYMLINK_NOFOLLOW | AT_STATX_DONT_SYNC;
  check(statx(dirfd, cstring(name), flags, WANTED, buffer));
  return decode();
}

/** The same of an open descriptor. */
export function peekFd(fd: number): Stat {
  check(statx(fd, cstring(''), AT.EMPTY_PATH | AT_STATX_DONT_SYNC, WANTED, buffer));
  return decode();
}

/** stat of an open descriptor, O_PATH ones included. */
export function statFd(fd: number): Stat {
  check(statx(fd, cstring(''), AT.EMPTY_PATH, WANTED, buffer));
  return decode();
}

// Offsets of struct statx in include/uapi/linux/stat.h; they are the same on every architecture.
function decode(): Stat {
  return {
    blksize: view.getUint32(4, true),
    nlink: view.getUint32(16, true),
    uid: view.getUint32(20, true),
    gid: view.getUint32(24, true),
    mode: view.getUint16(28, true),
    ino: view.getBigUint64(32, true),
    size: view.getBigUint64(40, true),
    blocks: view.getBigUint64(48, true),
    atimeNs: time(64),
    btimeNs: time(80),
    ctimeNs: time(96),
    mtimeNs: time(112),
    rdev: device(view.getUint32(128, true), view.getUint32(132, true)),
    dev: ((view.getBigUint64(136, true) & 0xffffffffn) << 32n) | BigInt(view.getUint32(140, true)),
    mount: view.getUint32(144, true),
  };
}

function time(offset: number): bigint {
  const seconds = view.getInt32(offset + 4, true) * 2 ** 32 + view.getUint32(offset, true);
  const nanoseconds = view.getUint32(offset + 8, true);
  if (Number.isSafeInteger(seconds)) return nanosecondsOf(seconds, nanoseconds);
  return view.getBigInt64(offset, true) * 1_000_000_000n + BigInt(nanoseconds);
}

/** new_encode_dev of the kernel: minor's low byte, major, minor's high bits. */
function device(major: number, minor: number): number {
  return ((minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12)) >>> 0;
}
