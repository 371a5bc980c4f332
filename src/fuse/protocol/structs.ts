import { struct } from './struct.ts';

/**
 * The structs of Linux's include/uapi/linux/fuse.h (protocol 7.45), named as there. Requests are
 * `fuse_in_header`, the opcode's struct, then names and data; replies `fuse_out_header` and a
 * struct.
 */

export const inHeader = struct({
  len: 'u32',
  opcode: 'u32',
  unique: 'u64',
  nodeid: 'u64',
  uid: 'u32',
  gid: 'u32',
  pid: 'u32',
  total_extlen: 'u16',
  padding: 'u16',
});

export const outHeader = struct({ len: 'u32', error: 'i32', unique: 'u64' });

export const attr = struct({
  ino: 'u64',
  size: 'u64',
  blocks: 'u64',
  atime: 'u64',
  mtime: 'u64',
  ctime: 'u64',
  atimensec: 'u32',
  mtimensec: 'u32',
  ctimensec: 'u32',
  mode: 'u32',
  nlink: 'u32',
  uid: 'u32',
  gid: 'u32',
  rdev: 'u32',
  blksize: 'u32',
  flags: 'u32',
});

export const entryOut = struct({
  nodeid: 'u64',
  generation: 'u64',
  entry_valid: 'u64',
  attr_valid: 'u64',
  entry_valid_nsec: 'u32',
  attr_valid_nsec: 'u32',
  attr,
});

export const attrOut = struct({
  attr_valid: 'u64',
  attr_valid_nsec: 'u32',
  dummy: 'u32',
  attr,
});

const sxTime = struct({ tv_sec: 'i64', tv_nsec: 'u32', __reserved: 'i32' });

export const statx = struct({
  mask: 'u32',
  blksize: 'u32',
  attributes: 'u64',
  nlink: 'u32',
  uid: 'u32',
  gid: 'u32',
  mode: 'u16',
  __spare0: 'u16',
  ino: 'u64',
  size: 'u64',
  blocks: 'u64',
  attributes_mask: 'u64',
  atime: sxTime,
  btime: sxTime,
  ctime: sxTime,
  mtime: sxTime,
  rdev_major: 'u32',
  rdev_minor: 'u32',
  dev_major: 'u32',
  dev_minor: 'u32',
  __spare2: ['u64', 14],
});

export const statxIn = struct({
  getattr_flags: 'u32',
  reserved: 'u32',
  fh: 'u64',
  sx_flags: 'u32',
  sx_mask: 'u32',
});

export const statxOut = struct({
  attr_valid: 'u64',
  attr_valid_nsec: 'u32',
  flags: 'u32',
  spare: ['u64', 2],
  stat: statx,
});

export const initIn = struct({
  major: 'u32',
  minor: 'u32',
  max_readahead: 'u32',
  flags: 'u32',
  flags2: 'u32',
  unused: ['u32', 11],
});

export const initOut = struct({
  major: 'u32',
  minor: 'u32',
  max_readahead: 'u32',
  flags: 'u32',
  max_background: 'u16',
  congestion_threshold: 'u16',
  max_write: 'u32',
  time_gran: 'u32',
  max_pages: 'u16',
  map_alignment: 'u16',
  flags2: 'u32',
  max_stack_depth: 'u32',
  request_timeout: 'u16',
  unused: ['u16', 11],
});

export const forgetIn = struct({ nlookup: 'u64' });
export const forgetOne = struct({ nodeid: 'u64', nlookup: 'u64' });
export const batchForgetIn = struct({ count: 'u32', dummy: 'u32' });
export const interruptIn = struct({ unique: 'u64' });

export const accessIn = struct({ mask: 'u32', padding: 'u32' });
export const getattrIn = struct({ getattr_flags: 'u32', dummy: 'u32', fh: 'u64' });
export const setattrIn = struct({
  valid: 'u32',
  padding: 'u32',
  fh: 'u64',
  size: 'u64',
  lock_owner: 'u64',
  atime: 'u64',
  mtime: 'u64',
  ctime: 'u64',
  atimensec: 'u32',
  mtimensec: 'u32',
  ctimensec: 'u32',
  mode: 'u32',
  unused4: 'u32',
  uid: 'u32',
  gid: 'u32',
  unused5: 'u32',
});

export const mknodIn = struct({ mode: 'u32', rdev: 'u32', umask: 'u32', padding: 'u32' });
export const mkdirIn = struct({ mode: 'u32', umask: 'u32' });
export const linkIn = struct({ oldnodeid: 'u64' });
export const renameIn = struct({ newdir: 'u64' });
export const rename2In = struct({ newdir: 'u64', flags: 'u32', padding: 'u32' });

export const openIn = struct({ flags: 'u32', open_flags: 'u32' });
export const createIn = struct({ flags: 'u32', mode: 'u32', umask: 'u32', open_flags: 'u32' });
/** `padding` is called `backing_id` in headers since 7.40. */
export const openOut = struct({ fh: 'u64', open_flags: 'u32', padding: 'u32' });

export const releaseIn = struct({
  fh: 'u64',
  flags: 'u32',
  release_flags: 'u32',
  lock_owner: 'u64',
});
export const flushIn = struct({ fh: 'u64', unused: 'u32', padding: 'u32', lock_owner: 'u64' });
export const fsyncIn = struct({ fh: 'u64', fsync_flags: 'u32', padding: 'u32' });

export const readIn = struct({
  fh: 'u64',
  offset: 'u64',
  size: 'u32',
  read_flags: 'u32',
  lock_owner: 'u64',
  flags: 'u32',
  padding: 'u32',
});
export const writeIn = struct({
  fh: 'u64',
  offset: 'u64',
  size: 'u32',
  write_flags: 'u32',
  lock_owner: 'u64',
  flags: 'u32',
  padding: 'u32',
});
export const writeOut = struct({ size: 'u32', padding: 'u32' });

export const lseekIn = struct({ fh: 'u64', offset: 'u64', whence: 'u32', padding: 'u32' });
export const lseekOut = struct({ offset: 'u64' });
export const fallocateIn = struct({
  fh: 'u64',
  offset: 'u64',
  length: 'u64',
  mode: 'u32',
  padding: 'u32',
});
export const copyFileRangeIn = struct({
  fh_in: 'u64',
  off_in: 'u64',
  nodeid_out: 'u64',
  fh_out: 'u64',
  off_out: 'u64',
  len: 'u64',
  flags: 'u64',
});
export const copyFileRangeOut = struct({ bytes_copied: 'u64' });

export const ioctlIn = struct({
  fh: 'u64',
  flags: 'u32',
  cmd: 'u32',
  arg: 'u64',
  in_size: 'u32',
  out_size: 'u32',
});
export const ioctlOut = struct({
  result: 'i32',
  flags: 'u32',
  in_iovs: 'u32',
  out_iovs: 'u32',
});

export const statfsOut = struct({
  blocks: 'u64',
  bfree: 'u64',
  bavail: 'u64',
  files: 'u64',
  ffree: 'u64',
  bsize: 'u32',
  namelen: 'u32',
  frsize: 'u32',
  padding: 'u32',
  spare: ['u32', 6],
});

/** With FUSE_SETXATTR_EXT; without it only the first two fields are sent. */
export const setxattrIn = struct({
  size: 'u32',
  flags: 'u32',
  setxattr_flags: 'u32',
  padding: 'u32',
});
export const getxattrIn = struct({ size: 'u32', padding: 'u32' });
export const getxattrOut = struct({ size: 'u32', padding: 'u32' });

export const fileLock = struct({ start: 'u64', end: 'u64', type: 'u32', pid: 'u32' });
export const lkIn = struct({
  fh: 'u64',
  owner: 'u64',
  lk: fileLock,
  lk_flags: 'u32',
  padding: 'u32',
});
export const lkOut = struct({ lk: fileLock });

/** A directory entry's fixed part; the name follows, padded to 8 bytes. */
export const dirent = struct({ ino: 'u64', off: 'u64', namelen: 'u32', type: 'u32' });

export const notifyInvalInode = struct({ ino: 'u64', off: 'i64', len: 'i64' });
export const notifyInvalEntry = struct({ parent: 'u64', namelen: 'u32', flags: 'u32' });
