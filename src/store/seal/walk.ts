import { closeSync, constants } from 'node:fs';
import {
  AT,
  chmodFd,
  DT,
  Errno,
  errno,
  errnoOf,
  isDirectory,
  listDirectory,
  O_PATH,
  openAt,
  type Stat,
  statAt,
  statFd,
} from '../../sys/index.ts';
import type { OnLend } from './lent-modes.ts';

/** What the walk meets: a directory before and after what is in it, and everything else once. */
export interface Visit {
  readonly kind: 'enter' | 'leave' | 'leaf';
  /** From the top, raw, without a leading slash; empty for the top itself. */
  readonly path: Buffer;
  readonly name: Buffer;
  /** As it was found, before anything was made readable. */
  readonly stat: Stat;
  /** For a leaf the open directory that it is in, else the directory itself. Good until the walk goes on. */
  readonly fd: number;
}

/** The tree is not what it was a moment ago: whoever walks begins anew. */
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

interface Place {
  readonly path: Buffer;
  readonly name: Buffer;
  readonly stat: Stat;
  /** Names of what is no directory, sorted. */
  readonly leaves: readonly Buffer[];
  /** Names of directories still to be entered, the last one first. */
  readonly directories: Buffer[];
}

/** A place whose directory is open. */
interface Level extends Place {
  readonly fd: number;
}

/**
 * Walks a tree depth first: each directory's own directories first, then the rest of it, both sorted
 * by raw name. Every step goes through an open directory's descriptor, so neither a symlink nor a
 * rename can lead outside, and no path is too long; a few descriptors are open at any depth.
 * Directories of one's own that cannot be read are lent the right to be meanwhile, and announced. Yields nothing
 * where there is no tree. Throws TreeChanged, Errno.
 */
export function* walk(top: string, onLend: OnLend): Generator<Visit> {
  const root = openTop(top, onLend);
  if (root === undefined) return;
  const above: Place[] = [];
  let here = root;
  try {
    yield { kind: 'enter', ...here };
    for (;;) {
      const next = here.directories.pop();
      if (next) {
        const child = openLevel(here.fd, next, join(here.path, next), onLend);
        above.push(here);
        closeSync(here.fd);
        here = child;
        yield { kind: 'enter', ...here };
        continue;
      }
      yield* visitLeaves(here);
      yield { kind: 'leave', ...here };
      const parent = above.pop();
      if (!parent) return;
      here = ascend(here, parent);
    }
  } finally {
    restoreAll(here, above);
  }
}

function* visitLeaves({ fd, path, leaves }: Level): Generator<Visit> {
  for (const name of leaves) {
    const stat = statIfThere(fd, name);
    if (!stat) continue;
    if (isDirectory(stat.mode)) throw new TreeChanged(join(path, name));
    yield { kind: 'leaf', path: join(path, name), name, stat, fd };
  }
}

export const join = (path: Buffer, name: Buffer): Buffer =>
  path.length === 0 ? name : Buffer.concat([path, Buffer.from('/'), name]);

function openTop(top: string, onLend: OnLend): Level | undefined {
  try {
    const level = openLevel(AT.FDCWD, Buffer.from(top), Buffer.alloc(0), onLend);
    return { ...level, name: Buffer.alloc(0) };
  } catch (error) {
    if (!(error instanceof TreeChanged)) throw error;
    if (error.errno === errno.ENOENT) return undefined;
    throw new Error(`${top} is no directory any more`, { cause: error });
  }
}

/** Opens a directory and lists it; what it lacks of its owner's rights is lent to it. */
function openLevel(dirfd: number, name: Buffer, path: Buffer, onLend: OnLend): Level {
  const { fd, stat } = openDirectory(dirfd, name, path, onLend);
  try {
    return { fd, path, name, stat, ...listNames(fd) };
  } catch (error) {
    restore(fd, stat);
    closeSync(fd);
    throw error;
  }
}

function listNames(fd: number): Pick<Place, 'leaves' | 'directories'> {
  const leaves: Buffer[] = [];
  const directories: Buffer[] = [];
  for (const { name, type } of listDirectory(fd)) {
    const isDir =
      type === DT.UNKNOWN ? isDirectory(statIfThere(fd, name)?.mode ?? 0) : type === DT.DIR;
    (isDir ? directories : leaves).push(name);
  }
  leaves.sort(Buffer.compare);
  directories.sort((one, two) => Buffer.compare(two, one));
  return { leaves, directories };
}

function statIfThere(fd: number, name: Buffer): Stat | undefined {
  try {
    return statAt(fd, name);
  } catch (error) {
    if (errnoOf(error) === errno.ENOENT) return undefined;
    throw error;
  }
}

function openDirectory(
  dirfd: number,
  name: Buffer,
  path: Buffer,
  onLend: OnLend,
): { fd: number; stat: Stat } {
  const pinned = openChild(
    dirfd,
    name,
    path,
    O_PATH | constants.O_NOFOLLOW | constants.O_DIRECTORY,
  );
  try {
    const stat = statFd(pinned);
    if (lacksRights(stat)) {
      onLend(path, stat);
      chmodFd(pinned, (stat.mode & 0o7777) | 0o700);
    }
    return { fd: openAt(pinned, '.', OPEN_DIRECTORY), stat };
  } finally {
    closeSync(pinned);
  }
}

/** Opens a name in a directory; throws TreeChanged where it is not any more what it was. */
export function openChild(dirfd: number, name: Buffer, path: Buffer, flags: number): number {
  try {
    return openAt(dirfd, name, flags);
  } catch (error) {
    const number = errnoOf(error);
    if (GONE.includes(number)) throw new TreeChanged(path, number);
    throw error;
  }
}

const GONE: readonly number[] = [errno.ENOENT, errno.ENOTDIR, errno.ELOOP];

/** Root reads whatever the mode says. */
const lacksRights = ({ mode }: Stat): boolean =>
  process.geteuid?.() !== 0 && (mode & 0o500) !== 0o500;

function restore(fd: number, stat: Stat): void {
  if (lacksRights(stat)) chmodFd(fd, stat.mode & 0o7777);
}

/** Back to the parent, through '..', which must be where we came from. */
function ascend(here: Level, parent: Place): Level {
  const fd = openAt(here.fd, '..', OPEN_DIRECTORY);
  if (!isPlace(fd, parent)) {
    closeSync(fd);
    throw new TreeChanged(here.path, errno.ENOENT);
  }
  restore(here.fd, here.stat);
  closeSync(here.fd);
  return { ...parent, fd };
}

function isPlace(fd: number, { stat }: Place): boolean {
  const found = statFd(fd);
  return found.ino === stat.ino && found.dev === stat.dev;
}

/** Gives every directory from here to the top its mode back, as far as '..' leads there. */
function restoreAll(here: Level, above: Place[]): void {
  let { fd } = here;
  let place: Place | undefined = here;
  try {
    while (place && isPlace(fd, place)) {
      const parent: Place | undefined = above.pop();
      const up = parent && openAt(fd, '..', OPEN_DIRECTORY);
      restore(fd, place.stat);
      place = parent;
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
