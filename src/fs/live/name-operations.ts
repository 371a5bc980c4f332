import { closeSync, constants } from 'node:fs';
import { Errno, errno, unlessMissing } from '../../errno.ts';
import { latin1Of } from '../../latin1.ts';
import {
  AT,
  findAt,
  linkAt,
  makingFilesFor,
  mkdirAt,
  mknodAt,
  O_TMPFILE,
  openAt,
  RENAME_EXCHANGE,
  RENAME_NOREPLACE,
  RENAME_WHITEOUT,
  renameAt,
  rmdirAt,
  type Stat,
  statAt,
  statFd,
  symlinkAt,
  unlinkAt,
} from '../../sys/index.ts';
import type { Caller } from '../file-system.ts';
import type { DirectoryFdCache } from './directory-fd-cache.ts';
import { type Inode, isDirectoryInode } from './inode.ts';
import type { InodeTable } from './inode-table.ts';
import { realFlags } from './live-file.ts';
import type { PinnedFiles } from './pinned-files.ts';
import { PIN, type Resolver } from './resolver.ts';

const RENAME_FLAGS = RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT;

/** Something that was just made: its inode, counted as looked up once, and its state. */
export interface Made {
  readonly inode: Inode;
  readonly stat: Stat;
}

/** A file that was just made, and opened. */
export interface MadeFile extends Made {
  readonly fd: number;
}

/**
 * Makes, moves and removes names in live directories, each by one system call on a pinned
 * directory.
 */
export class NameOperations {
  private readonly table: InodeTable;
  private readonly directories: DirectoryFdCache;
  private readonly resolver: Resolver;
  private readonly pins: PinnedFiles;

  constructor(
    table: InodeTable,
    directories: DirectoryFdCache,
    resolver: Resolver,
    pins: PinnedFiles,
  ) {
    this.table = table;
    this.directories = directories;
    this.resolver = resolver;
    this.pins = pins;
  }

  /** Undefined where nothing has this name. */
  find(parent: Inode, name: Uint8Array): Made | undefined {
    const fd = this.directories.descriptor(parent);
    if (this.pins.arePinnedIn(parent)) return unlessMissing(() => this.findPinned(parent, name));
    const stat = findAt(fd, name);
    return stat && this.meet(parent, name, stat);
  }

  private findPinned(parent: Inode, name: Uint8Array): Made {
    const found = this.opened(parent, name, openAt(this.directories.descriptor(parent), name, PIN));
    if (isDirectoryInode(found.inode)) this.directories.adopt(found.inode, found.fd);
    else this.pins.add(found.inode, found.fd);
    return found;
  }

  mknod(parent: Inode, name: Uint8Array, mode: number, rdev: number, caller: Caller): Made {
    return this.make(parent, name, caller, (fd) => mknodAt(fd, name, mode, rdev));
  }

  mkdir(parent: Inode, name: Uint8Array, mode: number, caller: Caller): Made {
    return this.make(parent, name, caller, (fd) => mkdirAt(fd, name, mode));
  }

  symlink(parent: Inode, name: Uint8Array, target: Uint8Array, caller: Caller): Made {
    return this.make(parent, name, caller, (fd) => symlinkAt(target, fd, name));
  }

  private make(
    parent: Inode,
    name: Uint8Array,
    caller: Caller,
    action: (fd: number) => void,
  ): Made {
    const fd = this.directories.descriptor(parent);
    makingFor(caller, () => action(fd));
    return this.meet(parent, name, statAt(fd, name));
  }

  /**
   * Creates and opens a file. Undefined where the name exists and the flags do not ask for
   * O_EXCL: it is then to be opened like any other.
   */
  create(
    parent: Inode,
    name: Uint8Array,
    flags: number,
    mode: number,
    caller: Caller,
  ): MadeFile | undefined {
    const { O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
    const parentFd = this.directories.descriptor(parent);
    try {
      const how = realFlags(flags) | O_CREAT | O_EXCL | O_NOFOLLOW;
      const fd = makingFor(caller, () => openAt(parentFd, name, how, mode));
      return this.opened(parent, name, fd);
    } catch (error) {
      if (flags & O_EXCL) throw error;
      if (error instanceof Errno && error.errno === errno.EEXIST) return undefined;
      throw error;
    }
  }

  /** A file without a name, until `link` gives it one. */
  tmpfile(parent: Inode, flags: number, mode: number, caller: Caller): MadeFile {
    const parentFd = this.directories.descriptor(parent);
    const keep = realFlags(flags) | (flags & constants.O_EXCL);
    const fd = makingFor(caller, () => openAt(parentFd, '.', keep | O_TMPFILE, mode));
    return this.opened(parent, Buffer.alloc(0), fd);
  }

  private opened(parent: Inode, name: Uint8Array, fd: number): MadeFile {
    try {
      return { ...this.meet(parent, name, statFd(fd)), fd };
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  /** Links exactly the inode's file, through its descriptor: no name of it is looked up again. */
  link(inode: Inode, parent: Inode, name: Uint8Array): Made {
    if (inode.task !== parent.task) throw Errno.of(errno.EXDEV);
    return this.resolver.with(inode, (fd) => {
      const parentFd = this.directories.descriptor(parent);
      linkAt(AT.FDCWD, `/proc/self/fd/${fd}`, parentFd, name, AT.SYMLINK_FOLLOW);
      return this.meet(parent, name, statFd(fd));
    });
  }

  unlink(parent: Inode, name: Uint8Array): void {
    unlinkAt(this.directories.descriptor(parent), name);
  }

  /**
   * The directory stays open where the kernel knows it: it may be somebody's working directory.
   */
  rmdir(parent: Inode, name: Uint8Array): void {
    const known = this.known(parent, this.directories.descriptor(parent), name);
    if (known && isDirectoryInode(known)) this.directories.descriptor(known);
    rmdirAt(this.directories.descriptor(parent), name);
  }

  rename(
    parent: Inode,
    name: Uint8Array,
    newParent: Inode,
    newName: Uint8Array,
    flags: number,
  ): void {
    if (parent.task !== newParent.task) throw Errno.of(errno.EXDEV);
    if (flags & ~RENAME_FLAGS) throw Errno.of(errno.EINVAL);
    const [from, to] = this.directories.pair(parent, newParent);
    const moved = this.known(parent, from, name);
    const exchanged = flags & RENAME_EXCHANGE ? this.known(newParent, to, newName) : undefined;
    renameAt(from, name, to, newName, flags);
    if (moved) this.table.place(moved, newParent, latin1Of(newName));
    if (exchanged) this.table.place(exchanged, parent, latin1Of(name));
  }

  private known(parent: Inode, fd: number, name: Uint8Array): Inode | undefined {
    return this.table.find(parent.task, statAt(fd, name));
  }

  private meet(parent: Inode, name: Uint8Array, stat: Stat): Made {
    return { inode: this.table.meet(parent.task, parent, latin1Of(name), stat), stat };
  }
}

// A server keeps the ids that it was started with; asking for them costs a system call each.
const isRoot = process.geteuid?.() === 0;
const group = process.getegid?.();

/** Whether files made for this caller would belong to the server instead. */
const isForeign = (caller: Caller): boolean => isRoot && (caller.uid !== 0 || caller.gid !== group);

/**
 * Runs an action that makes a file, so that it is the caller's from the first moment: to give it
 * away afterwards, by its name, might give away what somebody put in its place beneath.
 */
const makingFor = <T>(caller: Caller, action: () => T): T =>
  isForeign(caller) ? makingFilesFor(caller.uid, caller.gid, action) : action();
