import { closeSync, constants } from 'node:fs';
import { Errno, errno } from '../errno.ts';
import { O_PATH, openAt2, RESOLVE, readlinkAt } from './at.ts';
import { readMountinfo } from './mountinfo.ts';
import { statFd } from './stat.ts';

/**
 * Something else may be mounted in a tree that is to be read or removed: that is not part of the
 * tree. The device number does not show it, since a bind mount has that of its files; the kernel
 * does, by RESOLVE_NO_XDEV and by the numbers of mounts.
 */

/** Something is mounted in a tree that must not extend beyond one mount. */
export class MountedBeneath extends Error {
  /** Where it is mounted, raw. */
  readonly path: Buffer;
  constructor(path: Buffer) {
    super(`something is mounted on '${path}'`);
    this.name = 'MountedBeneath';
    this.path = path;
  }
}

/**
 * Opens a name in a directory, never what is mounted on it, even if it is mounted at this very
 * moment. Throws MountedBeneath, Errno.
 */
export function openInMount(dirfd: number, name: Uint8Array | string, flags: number): number {
  try {
    return openAt2(dirfd, name, flags, RESOLVE.NO_XDEV);
  } catch (error) {
    if (error instanceof Errno && error.errno === errno.EXDEV) throw mountedOn(dirfd, name);
    throw error;
  }
}

/** The error for a mount on a name in an open directory. */
export const mountedOn = (dirfd: number, name: Uint8Array | string): MountedBeneath =>
  new MountedBeneath(pathIn(dirfd, name));

/** The path of a name in an open directory, raw; the name alone where that exceeds PATH_MAX. */
export function pathIn(dirfd: number, name: Uint8Array | string): Buffer {
  const directory = pathOf(dirfd);
  return directory ? Buffer.concat([directory, SLASH, Buffer.from(name)]) : Buffer.from(name);
}

/** Whether something is mounted on a name in an open directory. Does not touch what is. */
export function isMountPoint(dirfd: number, name: Uint8Array | string): boolean {
  try {
    closeSync(openAt2(dirfd, name, O_PATH | constants.O_NOFOLLOW, RESOLVE.NO_XDEV));
    return false;
  } catch (error) {
    return error instanceof Errno && error.errno === errno.EXDEV;
  }
}

/**
 * Throws MountedBeneath where something is mounted anywhere beneath an open directory (O_PATH will
 * do) in the mount that this was reached by. Reads the kernel's table: a mount that hangs is not
 * touched.
 */
export function assertNothingMounted(fd: number): void {
  const [first] = mountsBeneath(fd);
  if (first) throw new MountedBeneath(first);
}

/** Where something is mounted beneath an open directory, raw paths. */
function mountsBeneath(fd: number): Buffer[] {
  const directory = pathOf(fd);
  if (!directory) return [];
  const top = Buffer.concat([directory, SLASH]);
  const { mount } = statFd(fd);
  return readMountinfo('thread-self', top)
    .filter(({ parent }) => parent === mount)
    .map(({ mountpoint }) => mountpoint)
    .filter((path) => path.subarray(0, top.length).equals(top));
}

const SLASH = Buffer.from('/');

/** Undefined where the path exceeds PATH_MAX. */
function pathOf(fd: number): Buffer | undefined {
  try {
    return readlinkAt(-1, `/proc/thread-self/fd/${fd}`);
  } catch (error) {
    if (error instanceof Errno && error.errno === errno.ENAMETOOLONG) return undefined;
    throw error;
  }
}
