/**
 * Numbers of Linux's include/uapi/linux/fuse.h, under its own names without their common prefix.
 */

/** INIT flags, low word. */
export const INIT = {
  ASYNC_READ: 1 << 0,
  POSIX_LOCKS: 1 << 1,
  ATOMIC_O_TRUNC: 1 << 3,
  BIG_WRITES: 1 << 5,
  DONT_MASK: 1 << 6,
  FLOCK_LOCKS: 1 << 10,
  AUTO_INVAL_DATA: 1 << 12,
  DO_READDIRPLUS: 1 << 13,
  READDIRPLUS_AUTO: 1 << 14,
  ASYNC_DIO: 1 << 15,
  PARALLEL_DIROPS: 1 << 18,
  POSIX_ACL: 1 << 20,
  ABORT_ERROR: 1 << 21,
  MAX_PAGES: 1 << 22,
  CACHE_SYMLINKS: 1 << 23,
  HANDLE_KILLPRIV_V2: 1 << 28,
  SETXATTR_EXT: 1 << 29,
  INIT_EXT: 1 << 30,
} as const;

/** INIT flags, high word (`flags2`; the header numbers them from bit 32). */
export const INIT2 = {
  NO_EXPORT_SUPPORT: 1 << 6,
} as const;

export const FOPEN = {
  DIRECT_IO: 1 << 0,
  KEEP_CACHE: 1 << 1,
  CACHE_DIR: 1 << 3,
  NOFLUSH: 1 << 5,
  PARALLEL_DIRECT_WRITES: 1 << 6,
} as const;

export const FATTR = {
  MODE: 1 << 0,
  UID: 1 << 1,
  GID: 1 << 2,
  SIZE: 1 << 3,
  ATIME: 1 << 4,
  MTIME: 1 << 5,
  FH: 1 << 6,
  ATIME_NOW: 1 << 7,
  MTIME_NOW: 1 << 8,
  KILL_SUIDGID: 1 << 11,
} as const;

export const GETATTR_FH = 1;
export const FSYNC_FDATASYNC = 1;
export const LK_FLOCK = 1;
export const WRITE_KILL_SUIDGID = 1 << 2;
export const OPEN_KILL_SUIDGID = 1;
export const SETXATTR_ACL_KILL_SGID = 1;

export const NOTIFY = {
  INVAL_INODE: 2,
  INVAL_ENTRY: 3,
  INC_EPOCH: 8,
} as const;

/** Flag of INVAL_ENTRY. */
export const EXPIRE_ONLY = 1;

/** Types of `fuse_file_lock`, as fcntl(2) counts them on Linux. */
export const LOCK = { READ: 0, WRITE: 1, UNLOCK: 2 } as const;
