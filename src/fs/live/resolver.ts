import { closeSync, constants } from 'node:fs';
import { Errno, errno, unlessMissing } from '../../errno.ts';
import { latin1Of } from '../../latin1.ts';
import { O_PATH, openAt, type Stat, statAt, statFd } from '../../sys/index.ts';
import type { DirectoryFdCache } from './directory-fd-cache.ts';
import { type Inode, isDirectoryInode, isSame, rawName } from './inode.ts';
import type { PinnedFiles } from './pinned-files.ts';

/** open(2)'s flags for a descriptor that stands for what has a name, without opening it. */
export const PIN = O_PATH | constants.O_NOFOLLOW;

/** A descriptor (O_PATH) of a file, and the file's state. */
export interface Pinned {
  readonly fd: number;
  readonly stat: Stat;
}

/** From an inode to the file that it stands for, and to no other: every step is checked. */
export class Resolver {
  private readonly directories: DirectoryFdCache;
  private readonly pins: PinnedFiles;

  constructor(directories: DirectoryFdCache, pins: PinnedFiles) {
    this.directories = directories;
    this.pins = pins;
  }

  /** The file's state. Throws ESTALE where it is gone. */
  stat(inode: Inode): Stat {
    const fd = openedFd(inode) ?? this.pins.peek(inode) ?? this.directories.peek(inode);
    if (fd !== undefined) return statFd(fd);
    if (!inode.parent) return statFd(this.directories.descriptor(inode));
    return this.statByName(inode) ?? this.statBySearch(inode);
  }

  /** Runs an action with a descriptor (O_PATH, or open) of exactly this file. */
  with<T>(inode: Inode, action: (fd: number) => T): T {
    const open = openedFd(inode) ?? this.pins.peek(inode);
    if (open !== undefined) return action(open);
    if (isDirectoryInode(inode)) return action(this.directories.descriptor(inode));
    const fd = this.pin(inode);
    try {
      return action(fd);
    } finally {
      closeSync(fd);
    }
  }

  /** Pins a file where it was last seen; undefined where that is not it (any more). */
  pinByName(inode: Inode): Pinned | undefined {
    return unlessMissing(() => {
      const fd = openAt(this.parentOf(inode), rawName(inode), PIN);
      const stat = statFd(fd);
      if (isSame(inode, stat)) return { fd, stat };
      closeSync(fd);
      return undefined;
    });
  }

  private pin(inode: Inode): number {
    const pinned = this.pinByName(inode);
    if (pinned) return pinned.fd;
    this.statBySearch(inode);
    const again = this.pinByName(inode);
    if (!again) throw Errno.of(errno.ESTALE);
    return again.fd;
  }

  private statByName(inode: Inode): Stat | undefined {
    return unlessMissing(() => {
      const stat = statAt(this.parentOf(inode), rawName(inode));
      return isSame(inode, stat) ? stat : undefined;
    });
  }

  /** Looks for a file that was renamed beneath us, in the directory where it was last seen. */
  private statBySearch(inode: Inode): Stat {
    this.pins.missed(inode);
    const name = this.directories.findName(inode);
    if (name !== undefined) {
      inode.name = latin1Of(name);
      const stat = this.statByName(inode);
      if (stat) return stat;
    }
    throw Errno.of(errno.ESTALE);
  }

  private parentOf(inode: Inode): number {
    if (!inode.parent) throw Errno.of(errno.ESTALE);
    return this.directories.descriptor(inode.parent);
  }
}

/** A descriptor of what is open of a file: it may have no name any more. */
function openedFd({ open }: Inode): number | undefined {
  for (const { pathFd } of open?.files ?? []) return pathFd;
  return undefined;
}
