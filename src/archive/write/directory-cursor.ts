import { closeSync, constants } from 'node:fs';
import { basename, dirname } from 'node:path';
import { Errno, errno, errnoOf } from '../../errno.ts';
import { AT, chmodFd, O_PATH, openAt, openInMount, type Stat, statFd } from '../../sys/index.ts';
import { directoryNeedsChmod, type OnChmod } from './temporary-chmod.ts';

/** The tree changed while it was walked: the walk has to start again. */
export class TreeChanged extends Error {
  readonly path: Buffer;
  readonly errno: number;
  constructor(path: Buffer, number: number = errno.EAGAIN) {
    super(`'${path}' changed while it was read`);
    this.path = path;
    this.errno = number;
  }
}

const OPEN_DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/** A directory on the way from the top. */
interface Position {
  readonly path: Buffer;
  /** As it was found, before any temporary mode. */
  readonly stat: Stat;
}

/**
 * A directory above: its path is a prefix of the one below, for copies of all could take
 * gigabytes.
 */
interface Ancestor {
  readonly pathLength: number;
  readonly stat: Stat;
}

/**
 * Moves down a tree and up again. Every step goes through an open directory's descriptor, so
 * neither a symlink nor a rename can lead outside, and no path is too long; few descriptors are
 * open at any depth. What is mounted on the top or beneath it is refused (MountedBeneath), also
 * where that happens meanwhile. One's own directories that cannot be read get a temporary mode,
 * reported to `onChmod`.
 */
export class DirectoryCursor implements Disposable {
  /** The directory where the cursor is. */
  fd: number;
  here: Position;
  private readonly above: Ancestor[] = [];
  private readonly onChmod: OnChmod;

  /** Starts at `top`. Throws TreeChanged where that is no directory, MountedBeneath, Errno. */
  constructor(top: string, onChmod: OnChmod) {
    this.onChmod = onChmod;
    const path = Buffer.alloc(0);
    const parent = openAt(AT.FDCWD, dirname(top), O_PATH | constants.O_DIRECTORY);
    try {
      const { fd, stat } = this.open(parent, Buffer.from(basename(top)), path);
      this.fd = fd;
      this.here = { path, stat };
    } finally {
      closeSync(parent);
    }
  }

  /** Enters a directory of this one. */
  enter(name: Buffer): void {
    const path = join(this.here.path, name);
    const { fd, stat } = this.open(this.fd, name, path);
    this.above.push({ pathLength: this.here.path.length, stat: this.here.stat });
    closeSync(this.fd);
    this.fd = fd;
    this.here = { path, stat };
  }

  /**
   * Returns to the parent through '..', which must be where the cursor came from; false at the
   * top.
   */
  leave(): boolean {
    const parent = this.above.at(-1);
    if (!parent) return false;
    const fd = openAt(this.fd, '..', OPEN_DIRECTORY);
    if (!isSameDirectory(fd, parent)) {
      closeSync(fd);
      throw new TreeChanged(this.here.path, errno.ENOENT);
    }
    restore(this.fd, this.here.stat);
    closeSync(this.fd);
    this.fd = fd;
    this.here = { path: this.here.path.subarray(0, parent.pathLength), stat: parent.stat };
    this.above.pop();
    return true;
  }

  /** Whether the directory has a temporary mode while the cursor is in it. */
  isModeChanged(): boolean {
    return directoryNeedsChmod(this.here.stat);
  }

  private open(dirfd: number, name: Buffer, path: Buffer): { fd: number; stat: Stat } {
    const flags = O_PATH | constants.O_NOFOLLOW | constants.O_DIRECTORY;
    const pinned = openChild(dirfd, name, path, flags);
    try {
      const stat = statFd(pinned);
      if (directoryNeedsChmod(stat)) {
        this.onChmod(path, stat);
        chmodFd(pinned, (stat.mode & 0o7777) | 0o700);
      }
      return { fd: openAt(pinned, '.', OPEN_DIRECTORY), stat };
    } finally {
      closeSync(pinned);
    }
  }

  /** Restores the mode of every directory from here to the top, as far as '..' leads there. */
  [Symbol.dispose](): void {
    let { fd } = this;
    let position: Pick<Position, 'stat'> | undefined = this.here;
    try {
      while (position && isSameDirectory(fd, position)) {
        const parent = this.above.pop();
        const up = parent && openAt(fd, '..', OPEN_DIRECTORY);
        restore(fd, position.stat);
        position = parent;
        if (up === undefined) continue;
        closeSync(fd);
        fd = up;
      }
    } catch (error) {
      if (!(error instanceof Errno)) throw error;
    } finally {
      closeSync(fd);
    }
  }
}

const SLASH = Buffer.from('/');

export const join = (path: Buffer, name: Buffer): Buffer =>
  path.length === 0 ? name : Buffer.concat([path, SLASH, name]);

/**
 * Opens a name in a directory. Throws TreeChanged where it is no longer what it was,
 * MountedBeneath where something is mounted on it.
 */
export function openChild(dirfd: number, name: Buffer, path: Buffer, flags: number): number {
  try {
    return openInMount(dirfd, name, flags);
  } catch (error) {
    const number = errnoOf(error);
    if (GONE.includes(number)) throw new TreeChanged(path, number);
    throw error;
  }
}

const GONE: readonly number[] = [errno.ENOENT, errno.ENOTDIR, errno.ELOOP];

function restore(fd: number, stat: Stat): void {
  if (directoryNeedsChmod(stat)) chmodFd(fd, stat.mode & 0o7777);
}

function isSameDirectory(fd: number, { stat }: Pick<Position, 'stat'>): boolean {
  const found = statFd(fd);
  return found.ino === stat.ino && found.dev === stat.dev;
}
