import { closeSync, constants } from 'node:fs';
import { LRUCache } from 'lru-cache';
import { Errno, errno, unlessRefused } from '../../errno.ts';
import { latin1Of } from '../../latin1.ts';
import {
  listDirectory,
  O_PATH,
  openAt,
  openBeneath,
  RESOLVE,
  type Stat,
  statAt,
  statFd,
  withListing,
} from '../../sys/index.ts';
import type { NodeId } from '../file-system.ts';
import { type Inode, isSame, rawName } from './inode.ts';
import { stagingNames } from './live-tasks.ts';

const { O_DIRECTORY, O_NOFOLLOW } = constants;
const PIN = O_PATH | O_DIRECTORY | O_NOFOLLOW;
const STAY = RESOLVE.BENEATH | RESOLVE.NO_SYMLINKS | RESOLVE.NO_MAGICLINKS;

/**
 * Descriptors (O_PATH) of the directories in use, so that every call starts at a pinned directory
 * and never at a path that somebody could bend meanwhile. Bounded: the one used longest ago is
 * closed, and opened again from the nearest ancestor that is open, down a path that the kernel
 * keeps beneath it and free of symlinks; what is reached is checked to be the directory meant.
 */
export class DirectoryFdCache {
  /** Of the directory that holds the tasks' staging directories. */
  private readonly staging: number;
  private readonly open: LRUCache<NodeId, number>;

  constructor(staging: number, limit: number) {
    this.staging = staging;
    this.open = new LRUCache({ max: limit, dispose: (fd) => closeSync(fd) });
  }

  /**
   * The descriptor of a directory, valid until the next call of this class. Throws ESTALE where
   * the directory is no longer to be found.
   */
  descriptor(directory: Inode): number {
    const { id } = directory;
    const known = this.open.get(id);
    if (known !== undefined) return known;
    const fd = this.reach(directory) ?? this.searchParent(directory);
    this.open.set(id, fd);
    return fd;
  }

  /** The descriptors of two directories at once. */
  pair(one: Inode, two: Inode): readonly [number, number] {
    this.descriptor(one);
    const second = this.descriptor(two);
    const first = this.open.peek(one.id);
    if (first === undefined) throw Errno.of(errno.ESTALE);
    return [first, second];
  }

  /** The descriptor, if it happens to be open. */
  peek(directory: Inode): number | undefined {
    return this.open.peek(directory.id);
  }

  /** Takes over a descriptor (O_PATH) of a directory. */
  adopt({ id }: Inode, fd: number): void {
    this.open.set(id, fd);
  }

  /** The state of what has a name in a directory; undefined where that cannot be seen. */
  stateOf(directory: Inode, name: Uint8Array): Stat | undefined {
    return unlessRefused(() => statAt(this.descriptor(directory), name));
  }

  /** Finds what an inode stands for in its parent, under whatever name it has there now. */
  findName(inode: Inode): Buffer | undefined {
    if (!inode.parent) return undefined;
    return withListing(this.descriptor(inode.parent), (list) => {
      for (const { ino, name } of listDirectory(list)) if (ino === inode.ino) return name;
      return undefined;
    });
  }

  close({ id }: Pick<Inode, 'id'>): void {
    this.open.delete(id);
  }

  closeAll(): void {
    this.open.clear();
  }

  /** Opens a directory where it was last seen; undefined where that is not it. */
  private reach(directory: Inode): number | undefined {
    const names: Buffer[] = [];
    let from = directory;
    for (let base = this.peek(from); base === undefined; base = this.peek(from)) {
      names.push(rawName(from));
      if (!from.parent) break;
      from = from.parent;
    }
    names.reverse();
    const base = this.peek(from);
    if (base !== undefined) return openSame(base, names, directory);
    for (const top of stagingNames(directory.task)) {
      const fd = openSame(this.staging, [Buffer.from(top), ...names.slice(1)], directory);
      if (fd !== undefined) return fd;
    }
    return undefined;
  }

  private searchParent(directory: Inode): number {
    const name = this.findName(directory);
    if (name === undefined || !directory.parent) throw Errno.of(errno.ESTALE);
    const fd = openAt(this.descriptor(directory.parent), name, PIN);
    if (isSame(directory, statFd(fd))) {
      directory.name = latin1Of(name);
      return fd;
    }
    closeSync(fd);
    throw Errno.of(errno.ESTALE);
  }
}

/**
 * Opens a directory by the names that lead to it; undefined where they lead to none, or another.
 */
function openSame(base: number, names: readonly Buffer[], directory: Inode): number | undefined {
  const fd = descend(base, names);
  if (fd === undefined || isSame(directory, statFd(fd))) return fd;
  closeSync(fd);
  return undefined;
}

/** Undefined where the names lead nowhere (any more). */
function descend(base: number, names: readonly Buffer[]): number | undefined {
  try {
    return openBeneath(base, names, { flags: PIN, resolve: STAY });
  } catch (error) {
    if (error instanceof Errno && MOVED.has(error.errno)) return undefined;
    throw error;
  }
}

const MOVED: ReadonlySet<number> = new Set([
  errno.ENOENT,
  errno.ENOTDIR,
  errno.ELOOP,
  errno.EXDEV,
  errno.EAGAIN,
]);
