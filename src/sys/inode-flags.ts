import { Errno } from '../errno.ts';
import { bind, check } from './libc.ts';

/**
 * Commands of ioctl(2) that read and change flags, project and version of an inode
 * (ioctl_iflags(2)), as <linux/fs.h> numbers them on 64 bits.
 */
export const FS_IOC = {
  GETFLAGS: 0x80086601,
  SETFLAGS: 0x40086602,
  FSGETXATTR: 0x801c581f,
  FSSETXATTR: 0x401c5820,
  GETVERSION: 0x80087601,
} as const;

/** Bytes of what GETFLAGS, SETFLAGS and GETVERSION pass: an int, whatever their numbers say. */
export const INODE_FLAGS_SIZE = 4;
/** Bytes of `struct fsxattr`. */
export const FSXATTR_SIZE = 28;

/** Flags of GETFLAGS, and of `fsx_xflags`, the first field of a `struct fsxattr`. */
export const FS_FL = { IMMUTABLE: 0x10, APPEND: 0x20, JOURNAL_DATA: 0x4000 } as const;
export const FS_XFLAG = { IMMUTABLE: 0x8, APPEND: 0x10 } as const;

const c = { ioctl: bind('int ioctl(int, unsigned long, void *)') };

/** Carries out one of FS_IOC on an open file: `argument` is filled, or taken. */
export function inodeFlags(fd: number, command: number, argument: Uint8Array): void {
  check(c.ioctl(fd, command, argument));
}

/**
 * Removes the flags that keep an open file or directory from being changed or removed (chattr(1)
 * with +i and +a). Returns whether it had any and they could be removed.
 */
export function unprotect(fd: number): boolean {
  const flags = Buffer.alloc(INODE_FLAGS_SIZE);
  try {
    inodeFlags(fd, FS_IOC.GETFLAGS, flags);
    const before = flags.readUInt32LE();
    const after = before & ~(FS_FL.IMMUTABLE | FS_FL.APPEND);
    if (after === before) return false;
    flags.writeUInt32LE(after);
    inodeFlags(fd, FS_IOC.SETFLAGS, flags);
    return true;
  } catch (error) {
    if (error instanceof Errno) return false;
    throw error;
  }
}
