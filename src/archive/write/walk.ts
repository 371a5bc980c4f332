import { errno } from '../../errno.ts';
import {
  assertNothingMounted,
  DT,
  findAt,
  isDirectory,
  listDirectory,
  mountedOn,
  type Stat,
} from '../../sys/index.ts';
import { DirectoryCursor, join, TreeChanged } from './directory-cursor.ts';
import type { OnChmod } from './temporary-chmod.ts';

/** A step of the walk: a directory before and after its contents, and everything else once. */
export interface Visit {
  readonly kind: 'enter' | 'leave' | 'leaf';
  /** From the top, raw, without a leading slash; empty for the top itself. */
  readonly path: Buffer;
  /** Empty for the top. */
  readonly name: Buffer;
  /** As it was found, before any temporary mode. */
  readonly stat: Stat;
  /** For a leaf its open directory, else the directory itself. Valid until the next step. */
  readonly fd: number;
}

/** Why something is passed over: it is an editor's own, or not of the part that is sealed. */
export type LeftOutAs = 'editor' | 'unselected';

/** Why something that a walk comes upon is passed over, with all that is in it, if it is. */
export type LeaveOut = (visit: Visit) => LeftOutAs | undefined;

/** What is in a directory, by raw name. */
interface Names {
  readonly name: Buffer;
  /** Names of what is no directory, sorted. */
  readonly leaves: readonly Buffer[];
  /** Names of directories still to be entered, the last one first. */
  readonly directories: Buffer[];
}

/**
 * Walks a tree depth first: each directory's own directories first, then the rest of it, both
 * sorted by raw name, without what `leaveOut` says. Yields nothing where there is no tree. Throws
 * MountedBeneath before it yields anything where something is mounted on the tree or beneath it,
 * and where that happens meanwhile; TreeChanged, Errno.
 */
export function* walk(top: string, onChmod: OnChmod, leaveOut: LeaveOut): Generator<Visit> {
  using cursor = openCursor(top, onChmod);
  if (!cursor) return;
  assertNothingMounted(cursor.fd);
  const levels = [listNames(cursor.fd, Buffer.alloc(0))];
  yield visit('enter', cursor, Buffer.alloc(0));
  for (let level = levels.at(-1); level; level = levels.at(-1)) {
    const next = level.directories.pop();
    if (next) {
      cursor.enter(next);
      const entered = visit('enter', cursor, next);
      if (leaveOut(entered)) {
        cursor.leave();
        continue;
      }
      levels.push(listNames(cursor.fd, next));
      yield entered;
      continue;
    }
    yield* visitLeaves(cursor, level.leaves, leaveOut);
    yield visit('leave', cursor, level.name);
    levels.pop();
    cursor.leave();
  }
}

const visit = (kind: 'enter' | 'leave', { fd, here }: DirectoryCursor, name: Buffer): Visit => ({
  kind,
  name,
  fd,
  ...here,
});

function* visitLeaves(
  { fd, here }: DirectoryCursor,
  leaves: readonly Buffer[],
  leaveOut: LeaveOut,
): Generator<Visit> {
  for (const name of leaves) {
    const stat = findAt(fd, name);
    if (!stat) continue;
    const path = join(here.path, name);
    if (stat.mount !== here.stat.mount) throw mountedOn(fd, name);
    if (isDirectory(stat.mode)) throw new TreeChanged(path);
    const leaf: Visit = { kind: 'leaf', path, name, stat, fd };
    if (!leaveOut(leaf)) yield leaf;
  }
}

/** Undefined where there is no tree. */
export function openCursor(top: string, onChmod: OnChmod): DirectoryCursor | undefined {
  try {
    return new DirectoryCursor(top, onChmod);
  } catch (error) {
    if (!(error instanceof TreeChanged)) throw error;
    if (error.errno === errno.ENOENT) return undefined;
    throw new Error(`${top} is no directory any more`, { cause: error });
  }
}

function listNames(fd: number, name: Buffer): Names {
  const leaves: Buffer[] = [];
  const directories: Buffer[] = [];
  for (const entry of listDirectory(fd)) {
    const isDir =
      entry.type === DT.UNKNOWN
        ? isDirectory(findAt(fd, entry.name)?.mode ?? 0)
        : entry.type === DT.DIR;
    (isDir ? directories : leaves).push(entry.name);
  }
  leaves.sort(Buffer.compare);
  directories.sort((one, two) => Buffer.compare(two, one));
  return { name, leaves, directories };
}
