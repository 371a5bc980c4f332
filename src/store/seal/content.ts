import { closeSync, constants, openSync } from 'node:fs';
import {
  chmodFd,
  dataExtents,
  errno,
  errnoOf,
  O_PATH,
  type Stat,
  statFd,
} from '../../sys/index.ts';
import type { Stretch } from './index-entry.ts';
import type { OnLend } from './lent-modes.ts';
import { openChild, TreeChanged, type Visit } from './walk.ts';

/** A regular file of the tree, open for reading. */
export interface OpenContent {
  readonly fd: number;
  /** As it was when it was opened: what is read is complete if it still is so afterwards. */
  readonly opened: Stat;
}

const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Opens the file of a visit, and nothing that took its place. One's own file of mode 0000 opens too. */
export function openContent(visit: Visit, onLend: OnLend): OpenContent {
  const { path, stat } = visit;
  const fd = openOrForce(visit, onLend);
  const opened = statFd(fd);
  if (opened.ino === stat.ino && opened.dev === stat.dev) return { fd, opened };
  closeSync(fd);
  throw new TreeChanged(path);
}

function openOrForce({ fd: dirfd, name, path, stat }: Visit, onLend: OnLend): number {
  try {
    return openChild(dirfd, name, path, READ);
  } catch (error) {
    if (errnoOf(error) !== errno.EACCES) throw error;
  }
  const pinned = openChild(dirfd, name, path, O_PATH | constants.O_NOFOLLOW);
  try {
    const { ino, dev } = statFd(pinned);
    if (ino !== stat.ino || dev !== stat.dev) throw new TreeChanged(path);
    onLend(path, stat);
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

/** Whether a file was written to since it was opened. */
export function hasChanged({ fd, opened }: OpenContent): boolean {
  const now = statFd(fd);
  return now.mtimeNs !== opened.mtimeNs || now.size !== opened.size;
}

const SECTOR = 512n;
/** A file of more stretches is recorded with its smallest holes filled in: its map stays small. */
const MAX_EXTENTS = 4096;

/** The stretches of a file that hold data; undefined for one without holes. */
export function extentsOf({ fd, opened }: OpenContent): Stretch[] | undefined {
  const { size, blocks } = opened;
  if (size === 0n || blocks * SECTOR >= size) return undefined;
  const extents: Stretch[] = [];
  for (const { start, end } of dataExtents(fd, size)) {
    extents.push({ start: Number(start), length: Number(end - start) });
  }
  const [first] = extents;
  const whole = extents.length === 1 && first?.start === 0 && first.length === Number(size);
  return whole ? undefined : fillSmallHoles(extents);
}

function fillSmallHoles(extents: Stretch[]): Stretch[] {
  let all = extents;
  for (let hole = 4096; all.length > MAX_EXTENTS; hole *= 2) all = merge(all, hole);
  return all;
}

function merge(extents: readonly Stretch[], hole: number): Stretch[] {
  const merged: Stretch[] = [];
  for (const { start, length } of extents) {
    const last = merged.at(-1);
    if (last && start - last.start - last.length <= hole) {
      merged[merged.length - 1] = { start: last.start, length: start + length - last.start };
    } else merged.push({ start, length });
  }
  return merged;
}
