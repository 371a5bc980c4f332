import { closeSync, constants, openSync } from 'node:fs';
import { chmodFd, dataExtents, O_PATH, type Stat, statFd } from '../../sys/index.ts';
import type { Extent } from '../../tar/index.ts';
import { MAX_EXTENTS, Unsealable } from '../limits.ts';
import { openChild, TreeChanged } from './directory-cursor.ts';
import type { LayoutStat } from './layout-entry.ts';
import { needsChmod, type OnChmod } from './temporary-chmod.ts';

/** A regular file of the tree, by its name in an open directory, as it was found there. */
export interface Found {
  readonly fd: number;
  readonly name: Buffer;
  readonly path: Buffer;
  readonly stat: Pick<Stat, 'mode' | 'ino' | 'dev'>;
}

const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/**
 * Opens a file to read; `changeOf` tells whether it is the one that was found. Throws TreeChanged,
 * Errno.
 */
export const openToRead = ({ fd, name, path }: Found): number => openChild(fd, name, path, READ);

/** Opens a file that was found, and nothing that took its place; also one's own of mode 0000. */
export function openContent(found: Found, onChmod: OnChmod): number {
  const fd = needsChmod(found.stat) ? openWithChmod(found, onChmod) : openToRead(found);
  if (isSame(statFd(fd), found.stat)) return fd;
  closeSync(fd);
  throw new TreeChanged(found.path);
}

function openWithChmod({ fd, name, path, stat }: Found, onChmod: OnChmod): number {
  const pinned = openChild(fd, name, path, O_PATH | constants.O_NOFOLLOW);
  try {
    const now = statFd(pinned);
    if (!isSame(now, stat)) throw new TreeChanged(path);
    onChmod(path, now);
    chmodFd(pinned, (stat.mode & 0o7777) | 0o400);
    try {
      return openSync(`/proc/self/fd/${pinned}`, constants.O_RDONLY | constants.O_NONBLOCK);
    } finally {
      chmodFd(pinned, stat.mode & 0o7777);
    }
  } finally {
    closeSync(pinned);
  }
}

const isSame = (one: Pick<Stat, 'ino' | 'dev'>, other: Pick<Stat, 'ino' | 'dev'>): boolean =>
  one.ino === other.ino && one.dev === other.dev;

/** How an open file differs from its layout: written to, or another file; undefined if not. */
export function changeOf(
  fd: number,
  expected: Pick<LayoutStat, 'ino' | 'dev' | 'mtimeNs' | 'size'>,
): 'written' | 'replaced' | undefined {
  const now = statFd(fd);
  if (!isSame(now, expected)) return 'replaced';
  const isAsItWas = now.mtimeNs === expected.mtimeNs && Number(now.size) === expected.size;
  return isAsItWas ? undefined : 'written';
}

/**
 * The extents of an open file that hold data; undefined for one without holes. Throws Unsealable
 * for too many of them: with zeros for its holes, a file of megabytes would become one of
 * gigabytes.
 */
export function extentsOf(fd: number, size: bigint, path: Buffer): Extent[] | undefined {
  const extents: Extent[] = [];
  for (const { start, end } of dataExtents(fd, size)) {
    if (extents.length === MAX_EXTENTS) {
      throw new Unsealable(path, `has holes between more than ${MAX_EXTENTS} extents of data`);
    }
    extents.push({ start: Number(start), length: Number(end - start) });
  }
  const [first] = extents;
  const whole = extents.length === 1 && first?.start === 0 && first.length === Number(size);
  return whole ? undefined : extents;
}
