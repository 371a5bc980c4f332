import { Errno, errno } from '../errno.ts';
import { AT } from './at.ts';
import { bind, check, cstring, lastErrno } from './libc.ts';

/**
 * Extended attributes of what a descriptor stands for. The path goes through /proc/self/fd, so
 * that an O_PATH descriptor, a symlink's included, works as well as an open file.
 */

const c = {
  get: bind('int64_t getxattr(const void *, const void *, void *, size_t)'),
  set: bind('int setxattr(const void *, const void *, const void *, size_t, int)'),
  list: bind('int64_t listxattr(const void *, void *, size_t)'),
  getOf: bind('int64_t lgetxattr(const void *, const void *, void *, size_t)'),
  listOf: bind('int64_t llistxattr(const void *, void *, size_t)'),
  remove: bind('int removexattr(const void *, const void *)'),
  listAt: bind('int64_t syscall(int64_t, int64_t, const void *, int64_t, void *, int64_t)'),
};

const XATTR_SIZE_MAX = 65536;
const scratch = Buffer.alloc(XATTR_SIZE_MAX);
const pathOf = (fd: number): Buffer => Buffer.from(`/proc/self/fd/${fd}\0`);

export function getXattr(fd: number, name: Uint8Array | string): Buffer {
  const length = check(c.get(pathOf(fd), cstring(name), scratch, scratch.length));
  return Buffer.from(scratch.subarray(0, length));
}

/** `flags`: XATTR_CREATE 1, XATTR_REPLACE 2, as setxattr(2). */
export function setXattr(
  fd: number,
  name: Uint8Array | string,
  value: Uint8Array,
  flags = 0,
): void {
  check(c.set(pathOf(fd), cstring(name), value, value.length, flags));
}

export function removeXattr(fd: number, name: Uint8Array | string): void {
  check(c.remove(pathOf(fd), cstring(name)));
}

/** Names of all attributes; empty where the file system keeps none. */
export function listXattr(fd: number): Buffer[] {
  return namesAfter(c.list(pathOf(fd), scratch, scratch.length));
}

/** Takes what a listing left in `scratch` apart. */
function namesAfter(length: number): Buffer[] {
  if (length === -1) {
    try {
      check(-1);
    } catch (error) {
      if (error instanceof Errno && error.errno === errno.EOPNOTSUPP) return [];
      throw error;
    }
  }
  const names: Buffer[] = [];
  for (let at = 0; at < length; ) {
    const end = scratch.indexOf(0, at);
    names.push(Buffer.from(scratch.subarray(at, end)));
    at = end + 1;
  }
  return names;
}

/** The access list of what a descriptor stands for; undefined where it has none. */
export function accessAcl(fd: number): Buffer | undefined {
  try {
    return getXattr(fd, ACCESS_ACL);
  } catch (error) {
    if (error instanceof Errno && NO_ACL.includes(error.errno)) return undefined;
    throw error;
  }
}

const NO_ACL: readonly number[] = [errno.ENODATA, errno.EOPNOTSUPP];

const isUser = (name: Buffer): boolean => name.subarray(0, 5).toString('latin1') === 'user.';

/** Attributes of a file that are kept with it, and its access list if it has one. */
export interface FileXattrs {
  /** Names and values of the user.* attributes. */
  readonly user: (readonly [name: Buffer, value: Buffer])[];
  readonly acl: Buffer | undefined;
}

/** The attributes of what a descriptor stands for. */
export function fileXattrs(fd: number): FileXattrs {
  return pick(listXattr(fd), (name) => getXattr(fd, name));
}

const isAcl = (name: Buffer): boolean => name.toString('latin1') === ACCESS_ACL;

function pick(names: readonly Buffer[], get: (name: Buffer) => Buffer): FileXattrs {
  const acl = names.find(isAcl);
  const user = names.filter(isUser).map((name) => [name, get(name)] as const);
  return { user, acl: acl && get(acl) };
}

/** Names and values of the user.* attributes of what a descriptor stands for. */
export const userXattrs = (fd: number): FileXattrs['user'] => fileXattrs(fd).user;

/** Number of listxattrat(2), which Linux has since 6.13: one for all architectures. */
const SYS_LISTXATTRAT = 465;
/** What a kernel answers to a call that it lacks, or a sandbox to one that it does not know. */
const UNKNOWN: readonly number[] = [errno.ENOSYS, errno.EPERM];
let hasListAt = true;

/** Leaves the names in `scratch`; returns their length, or -1 as libc does. */
function listAt(dirfd: number, name: Buffer): number {
  if (hasListAt) {
    const flags = AT.SYMLINK_NOFOLLOW;
    const text = cstring(name);
    const length = c.listAt(SYS_LISTXATTRAT, dirfd, text, flags, scratch, scratch.length);
    if (length !== -1 || !UNKNOWN.includes(lastErrno())) return length;
    hasListAt = false;
  }
  return c.listOf(pathIn(dirfd, name), scratch, scratch.length);
}

const pathIn = (dirfd: number, name: Buffer): Buffer =>
  Buffer.concat([Buffer.from(`/proc/self/fd/${dirfd}/`), name, Buffer.alloc(1)]);

const NO_XATTRS: FileXattrs = { user: [], acl: undefined };

/** The same of a name in a directory, which is not opened for that; a symlink's are its own. */
export function fileXattrsAt(dirfd: number, name: Buffer): FileXattrs {
  const length = listAt(dirfd, name);
  if (length === 0) return NO_XATTRS;
  const path = pathIn(dirfd, name);
  return pick(namesAfter(length), (attribute) => {
    const size = check(c.getOf(path, cstring(attribute), scratch, scratch.length));
    return Buffer.from(scratch.subarray(0, size));
  });
}

/** The attribute that holds a file's access list (acl(5)). */
const ACCESS_ACL = 'system.posix_acl_access';

const VERSION = 2;
const HEADER = 4;
const ENTRY = 8;
const TAG = { groupObj: 0x04, mask: 0x10 } as const;

/**
 * What an access list grants the owning group, three bits; undefined where it is not a list. With
 * a list, the group bits of a mode are its mask: the most that anybody named in it gets.
 */
function aclGroupBits(acl: Buffer): number | undefined {
  if (acl.length < HEADER || acl.readUInt32LE(0) !== VERSION) return undefined;
  let group: number | undefined;
  let mask = 0o7;
  for (let at = HEADER; at + ENTRY <= acl.length; at += ENTRY) {
    const tag = acl.readUInt16LE(at);
    const bits = acl.readUInt16LE(at + 2) & 0o7;
    if (tag === TAG.groupObj) group = bits;
    if (tag === TAG.mask) mask = bits;
  }
  return group === undefined ? undefined : group & mask;
}

/** A mode with the group bits that its access list means. */
export function modeWithAcl(mode: number, acl: Buffer | undefined): number {
  const group = acl && aclGroupBits(acl);
  return group === undefined ? mode : (mode & ~0o070) | (group << 3);
}
