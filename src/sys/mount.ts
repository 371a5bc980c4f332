import { closeSync } from 'node:fs';
import { AT, O_CLOEXEC } from './at.ts';
import { bindLazily, check, cstring } from './libc.ts';

/** mount(2) and umount2(2), and the calls that take a mount apart from its place. */

const c = {
  openTree: bindLazily('int64_t syscall(int64_t, int64_t, const void *, int64_t)'),
  moveMount: bindLazily(
    'int64_t syscall(int64_t, int64_t, const void *, int64_t, const void *, int64_t)',
  ),
  setAttributes: bindLazily(
    'int64_t syscall(int64_t, int64_t, const void *, int64_t, const void *, uint64_t)',
  ),
  mount: bindLazily(
    'int mount(const void *, const void *, const void *, unsigned long, const void *)',
  ),
  umount2: bindLazily('int umount2(const void *, int)'),
  pick: bindLazily('int64_t syscall(int64_t, int64_t, const void *, int64_t)'),
  configure: bindLazily(
    'int64_t syscall(int64_t, int64_t, int64_t, const void *, const void *, int64_t)',
  ),
};

export const MS_RDONLY = 1;
export const MS_NOSUID = 2;
export const MS_NODEV = 4;
/** Linux 5.10 and later; older ones take no notice of it. */
export const MS_NOSYMFOLLOW = 256;
export const MNT_DETACH = 2;
export const UMOUNT_NOFOLLOW = 8;

/** Mounts `source` of a file system type on a directory, with the type's own options. */
export function mountOn(
  source: string,
  directory: string,
  type: string,
  flags: number,
  options: string,
): void {
  check(c.mount(cstring(source), cstring(directory), cstring(type), flags, cstring(options)));
}

/** Unmounts a directory; EBUSY while it is in use, unless MNT_DETACH. */
export function unmountFrom(directory: string, flags = 0): void {
  check(c.umount2(cstring(directory), flags));
}

// The numbers of what came after 2019 are the same on all architectures.
const SYS_OPEN_TREE = 428;
const SYS_MOVE_MOUNT = 429;
const SYS_FSCONFIG = 431;
const SYS_FSPICK = 433;
const SYS_MOUNT_SETATTR = 442;

const OPEN_TREE_CLONE = 1;
const FSPICK_CLOEXEC = 1;
const FSPICK_EMPTY_PATH = 8;
const FSCONFIG_SET_FLAG = 0;
const FSCONFIG_CMD_RECONFIGURE = 7;
const MOVE_MOUNT_F_EMPTY_PATH = 0x04;
const MOVE_MOUNT_T_EMPTY_PATH = 0x40;

/** Attributes of a mount (mount_setattr(2)). */
export const MOUNT_ATTR = {
  RDONLY: 0x1,
  NOSUID: 0x2,
  NODEV: 0x4,
  /** Linux 5.14 and later; older ones refuse it. */
  NOSYMFOLLOW: 0x200000,
} as const;

/** Changes of a mount are not passed on to copies of it, nor taken over from them. */
export const MS_PRIVATE = 1 << 18;

/**
 * A new mount of an open directory (O_PATH will do), without what is mounted beneath it, that is
 * nowhere yet: it goes when the descriptor that this returns is closed. Linux 5.2 and later; needs
 * CAP_SYS_ADMIN.
 */
export function cloneMount(directory: number): number {
  const flags = OPEN_TREE_CLONE | O_CLOEXEC | AT.EMPTY_PATH;
  return check(c.openTree(SYS_OPEN_TREE, directory, cstring(''), flags));
}

/**
 * Sets attributes (MOUNT_ATTR) of the mount whose root a descriptor stands for. RDONLY is refused
 * with EBUSY while anybody has a file open for writing through it. Linux 5.12 and later.
 */
export function setMountAttributes(mount: number, attributes: number, propagation = 0): void {
  changeAttributes(mount, { set: attributes, propagation });
}

/** Takes attributes (MOUNT_ATTR) away from a mount. Linux 5.12 and later. */
export function clearMountAttributes(mount: number, attributes: number): void {
  changeAttributes(mount, { clear: attributes });
}

function changeAttributes(
  mount: number,
  { set = 0, clear = 0, propagation = 0 }: { set?: number; clear?: number; propagation?: number },
): void {
  const struct = Buffer.alloc(32);
  struct.writeBigUInt64LE(BigInt(set), 0);
  struct.writeBigUInt64LE(BigInt(clear), 8);
  struct.writeBigUInt64LE(BigInt(propagation), 16);
  const { length } = struct;
  check(c.setAttributes(SYS_MOUNT_SETATTR, mount, cstring(''), AT.EMPTY_PATH, struct, length));
}

/**
 * Makes a file system writable (`rw`) or read-only (`ro`), given by the descriptor of its root
 * (O_PATH will do), and leaves the mounts that show it as they are: those that are read-only stay
 * so. The kernel forgets the names that it has cached. Linux 5.2 and later.
 */
export function reconfigureFileSystem(root: number, access: 'rw' | 'ro'): void {
  const flags = FSPICK_CLOEXEC | FSPICK_EMPTY_PATH;
  const context = check(c.pick(SYS_FSPICK, root, cstring(''), flags));
  try {
    check(c.configure(SYS_FSCONFIG, context, FSCONFIG_SET_FLAG, cstring(access), null, 0));
    check(c.configure(SYS_FSCONFIG, context, FSCONFIG_CMD_RECONFIGURE, null, null, 0));
  } finally {
    closeSync(context);
  }
}

/** Mounts what `cloneMount` returned on a directory, both by their descriptors (O_PATH will do). */
export function moveMount(mount: number, directory: number): void {
  const flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
  const empty = cstring('');
  check(c.moveMount(SYS_MOVE_MOUNT, mount, empty, directory, empty, flags));
}
