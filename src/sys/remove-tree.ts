import { closeSync, constants } from 'node:fs';
import { Errno, errno, errnoWords, unlessMissing } from '../errno.ts';
import { AT, chmodFd, O_PATH, openAt, reopen, rmdirAt, unlinkAt } from './at.ts';
import { DT, listDirectory } from './directory.ts';
import { unprotect } from './inode-flags.ts';
import {
  assertNothingMounted,
  isMountPoint,
  mountedOn,
  openInMount,
  pathIn,
} from './mounts-beneath.ts';
import { isDirectory, isRegular, statFd } from './stat.ts';

/** Part of a tree cannot be removed. */
export class NotRemovable extends Error {
  /** What it is, raw. */
  readonly path: Buffer;
  /** Why, a number of errno(3). */
  readonly errno: number;
  /** The same in words. */
  readonly reason: string;
  constructor(path: Buffer, { errno }: Errno) {
    const reason = errnoWords(errno);
    super(`'${path}' cannot be removed: ${reason}`);
    this.reason = reason;
    this.name = 'NotRemovable';
    this.path = path;
    this.errno = errno;
  }
}

type Name = Uint8Array | string;

const OPEN_DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const PIN = O_PATH | constants.O_NOFOLLOW;

/**
 * Removes the tree at `path`, from `dirfd`, however deep (paths are never joined, so PATH_MAX does
 * not matter), never through a symlink, whatever the modes of directories of one's own, and for
 * root also what chattr(1) made immutable or append-only. A tree that is not there is fine.
 * Descriptors in use: four, at any depth.
 *
 * Nothing is removed where something is mounted on the tree or anywhere beneath it, and nothing
 * ever of what is mounted there meanwhile. Throws MountedBeneath, NotRemovable.
 */
export function removeTree(dirfd: number, path: Name): void {
  withTop(dirfd, path, (parent, name, top) => {
    if (!isDirectory(statFd(top).mode)) return removeForced(unlinkAt, parent, name);
    assertNothingMounted(top);
    emptyTree(parent, name);
    removeForced(rmdirAt, parent, name);
  });
}

/** Throws MountedBeneath where something is mounted on or in a tree, which need not exist. */
export function assertUnmounted(path: Name): void {
  withTop(AT.FDCWD, path, (_parent, _name, top) => assertNothingMounted(top));
}

/** Calls an action with a tree's top (O_PATH), its name and its directory, if it exists. */
function withTop(
  dirfd: number,
  path: Name,
  action: (parent: number, name: Buffer, top: number) => void,
): void {
  const { directory, name } = split(Buffer.from(path));
  const parent = unlessMissing(() => openAt(dirfd, directory, O_PATH | constants.O_DIRECTORY));
  if (parent === undefined) return;
  let top: number | undefined;
  try {
    top = unlessMissing(() => openInMount(parent, name, PIN));
    if (top !== undefined) action(parent, name, top);
  } catch (error) {
    throw explain(parent, name, error);
  } finally {
    if (top !== undefined) closeSync(top);
    closeSync(parent);
  }
}

function split(path: Buffer): { readonly directory: Buffer; readonly name: Buffer } {
  const at = path.lastIndexOf('/');
  if (at === -1) return { directory: Buffer.from('.'), name: path };
  return { directory: path.subarray(0, Math.max(1, at)), name: path.subarray(at + 1) };
}

/**
 * Adds to a refused system call what it was about; a file that is mounted on is refused as busy.
 */
function explain(dirfd: number, name: Name, error: unknown): unknown {
  if (!(error instanceof Errno)) return error;
  if (error.errno === errno.EBUSY && isMountPoint(dirfd, name)) return mountedOn(dirfd, name);
  return new NotRemovable(pathIn(dirfd, name), error);
}

/**
 * Opens a directory for listing, never what is mounted on it, after chmod where it is unreadable.
 */
function openDirectory(dirfd: number, name: Name): number {
  try {
    return openInMount(dirfd, name, OPEN_DIRECTORY);
  } catch (error) {
    if (!(error instanceof Errno) || error.errno !== errno.EACCES) throw error;
    const path = openInMount(dirfd, name, PIN | constants.O_DIRECTORY);
    try {
      chmodFd(path, 0o700);
    } finally {
      closeSync(path);
    }
    return openInMount(dirfd, name, OPEN_DIRECTORY);
  }
}

type Remove = (dirfd: number, name: Name) => void;

/** Removes a name; one that its own flags protect once those are gone. */
function removeForced(remove: Remove, dirfd: number, name: Name): void {
  try {
    remove(dirfd, name);
  } catch (error) {
    if (!(error instanceof Errno) || error.errno !== errno.EPERM) throw error;
    if (!unprotectName(dirfd, name)) throw error;
    remove(dirfd, name);
  }
}

/** The same where the flags of the directory may protect the name too. */
function removeBelow(remove: Remove, fd: number, name: Name): void {
  try {
    removeForced(remove, fd, name);
  } catch (error) {
    if (!(error instanceof Errno) || error.errno !== errno.EPERM || !unprotect(fd)) throw error;
    removeForced(remove, fd, name);
  }
}

/** Opens only what opening does not affect. Returns whether something was changed. */
function unprotectName(dirfd: number, name: Name): boolean {
  const pin = openInMount(dirfd, name, PIN);
  try {
    const { mode } = statFd(pin);
    if (!isRegular(mode) && !isDirectory(mode)) return false;
    const fd = reopen(pin, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      return unprotect(fd);
    } finally {
      closeSync(fd);
    }
  } finally {
    closeSync(pin);
  }
}

/** A directory on the way down, by which it is known again on the way up. */
interface Level {
  readonly name: Name;
  readonly ino: bigint;
  readonly dev: bigint;
}

// Depth first without recursion: each level is re-entered through '..' of its child's descriptor,
// checked to be the directory that we came from.
function emptyTree(dirfd: number, name: Name): void {
  const levels: Level[] = [];
  let fd = openDirectory(dirfd, name);
  let here = identify(fd, name);
  try {
    makeWritable(fd);
    for (;;) {
      const child = removeFiles(fd);
      if (child) {
        const below = enter(fd, child);
        levels.push(here);
        closeSync(fd);
        fd = below;
        here = identify(fd, child);
        continue;
      }
      const above = levels.pop();
      if (!above) return;
      const parent = openAt(fd, '..', OPEN_DIRECTORY);
      const found = statFd(parent);
      const moved = found.ino !== above.ino || found.dev !== above.dev;
      const emptied = here.name;
      closeSync(fd);
      fd = parent;
      if (moved) throw Errno.of(errno.EBUSY);
      attempt(fd, emptied, () => removeBelow(rmdirAt, fd, emptied));
      here = above;
    }
  } finally {
    closeSync(fd);
  }
}

function enter(fd: number, child: Buffer): number {
  return attempt(fd, child, () => {
    const below = openDirectory(fd, child);
    try {
      makeWritable(below);
      return below;
    } catch (error) {
      closeSync(below);
      throw error;
    }
  });
}

function attempt<T>(fd: number, name: Name, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw explain(fd, name, error);
  }
}

function identify(fd: number, name: Name): Level {
  const { ino, dev } = statFd(fd);
  return { name, ino, dev };
}

function makeWritable(fd: number): void {
  const { mode } = statFd(fd);
  if (isDirectory(mode) && (mode & 0o700) !== 0o700) chmodFd(fd, 0o700);
}

/** Unlinks all that is no directory; the first directory found is returned. */
function removeFiles(fd: number): Buffer | undefined {
  for (const entry of listDirectory(fd)) {
    if (entry.type === DT.DIR) return entry.name;
    try {
      removeBelow(unlinkAt, fd, entry.name);
    } catch (error) {
      const number = error instanceof Errno ? error.errno : 0;
      if (number === errno.ENOENT) continue;
      if (number === errno.EISDIR) return entry.name;
      throw explain(fd, entry.name, error);
    }
  }
  return undefined;
}
