import { statfsSync } from 'node:fs';

/**
 * File systems, by the magic number of statfs(2) (linux/magic.h), that only this machine changes,
 * and only through its own kernel: there inotify reports every change. Of all others it does not:
 * a network file system, one in user space and one that several machines share have another side.
 */
const LOCAL: ReadonlySet<number> = new Set([
  0xef53, // ext2, ext3, ext4
  0x58465342, // xfs
  0x9123683e, // btrfs
  0x01021994, // tmpfs
  0x858458f6, // ramfs
  0xf2f52010, // f2fs
  0xca451a4e, // bcachefs
  0x2fc12fc1, // zfs
  0x794c7630, // overlay
  0x3153464a, // jfs
  0x3434, // nilfs2
  0x4d44, // vfat
  0x2011bab0, // exfat
  0x7366746e, // ntfs3
]);

/** Whether the file system of an open file, O_PATH included, is one of these. */
export const isLocal = (fd: number): boolean => LOCAL.has(statfsSync(`/proc/self/fd/${fd}`).type);
