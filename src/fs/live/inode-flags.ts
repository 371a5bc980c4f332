import { closeSync, constants } from 'node:fs';
import { Errno, errno } from '../../errno.ts';
import {
  FS_FL,
  FS_IOC,
  FS_XFLAG,
  FSXATTR_SIZE,
  INODE_FLAGS_SIZE,
  inodeFlags,
  isDirectory,
  isRegular,
  reopen,
  statFd,
} from '../../sys/index.ts';
import type { Caller } from '../file-system.ts';
import type { Inode } from './inode.ts';
import type { Resolver } from './resolver.ts';

/** Commands that read, with the length of the answer. */
const READING: ReadonlyMap<number, number> = new Map([
  [FS_IOC.GETFLAGS, INODE_FLAGS_SIZE],
  [FS_IOC.GETVERSION, INODE_FLAGS_SIZE],
  [FS_IOC.FSGETXATTR, FSXATTR_SIZE],
]);

/** Commands that change: the one that reads the same, and the flags that only root may change. */
const CHANGING: ReadonlyMap<number, { readonly reader: number; readonly guarded: number }> =
  new Map([
    [
      FS_IOC.SETFLAGS,
      {
        reader: FS_IOC.GETFLAGS,
        guarded: FS_FL.IMMUTABLE | FS_FL.APPEND | FS_FL.JOURNAL_DATA,
      },
    ],
    [
      FS_IOC.FSSETXATTR,
      { reader: FS_IOC.FSGETXATTR, guarded: FS_XFLAG.IMMUTABLE | FS_XFLAG.APPEND },
    ],
  ]);

/** Whether an ioctl(2) of InodeFlags is a change. */
export const changesFlags = (command: number): boolean => CHANGING.has(command);

/**
 * Flags, project and version of live files and directories, as lsattr(1) and chattr(1) want them:
 * those of the file beneath. No other ioctl(2) is passed on.
 */
export class InodeFlags {
  private readonly resolver: Resolver;

  constructor(resolver: Resolver) {
    this.resolver = resolver;
  }

  /**
   * Throws ENOTTY for a command that does not read, and for what is neither file nor directory.
   */
  read(inode: Inode, command: number): Uint8Array {
    const length = READING.get(command);
    if (length === undefined) throw Errno.of(errno.ENOTTY);
    const flags = Buffer.alloc(length);
    this.withOpen(inode, (fd) => inodeFlags(fd, command, flags));
    return flags;
  }

  /** Checks the caller's rights: the server may do what the caller may not. */
  change(inode: Inode, command: number, wanted: Uint8Array, caller: Caller): void {
    const change = CHANGING.get(command);
    if (!change) throw Errno.of(errno.ENOTTY);
    const before = Buffer.alloc(READING.get(change.reader) ?? 0);
    if (wanted.length !== before.length) throw Errno.of(errno.EINVAL);
    this.withOpen(inode, (fd) => {
      if (caller.uid !== 0) {
        inodeFlags(fd, change.reader, before);
        const changed = firstWord(before) ^ firstWord(wanted);
        const isOwner = statFd(fd).uid === caller.uid;
        if (!isOwner || (changed & change.guarded) !== 0) throw Errno.of(errno.EPERM);
      }
      inodeFlags(fd, command, Buffer.from(wanted));
    });
  }

  private withOpen(inode: Inode, action: (fd: number) => void): void {
    if (!isRegular(inode.type) && !isDirectory(inode.type)) throw Errno.of(errno.ENOTTY);
    const { O_RDONLY, O_NONBLOCK } = constants;
    const fd = this.resolver.with(inode, (pinned) => reopen(pinned, O_RDONLY | O_NONBLOCK));
    try {
      action(fd);
    } finally {
      closeSync(fd);
    }
  }
}

const firstWord = (bytes: Uint8Array): number =>
  new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
