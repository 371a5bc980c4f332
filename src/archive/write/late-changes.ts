import { closeSync, lutimesSync, statSync } from 'node:fs';
import { isDirectory, isOpenForWriting, isRegular } from '../../sys/index.ts';
import { needsChmod, openContent } from './source-file.ts';
import type { OnChmod } from './temporary-chmod.ts';
import { type LeaveOut, type Visit, walk } from './walk.ts';

/**
 * The time, in nanoseconds, by the clock of the file system that a directory is on. The stat
 * before makes kernels with multigrain timestamps give the fine time.
 */
export function clockOf(directory: string): bigint {
  statSync(directory);
  const now = new Date();
  lutimesSync(directory, now, now);
  return statSync(directory, { bigint: true }).ctimeNs;
}

/**
 * The path of the first file in a tree that was changed at or after a time (nanoseconds);
 * undefined where none was, or there is no tree. Throws TreeChanged, Errno.
 */
export function findChangeSince(
  top: string,
  sinceNs: bigint,
  onChmod: OnChmod,
  leaveOut: LeaveOut,
): Buffer | undefined {
  for (const visit of walk(top, onChmod, leaveOut)) {
    if (visit.kind === 'leave') continue;
    const changedNs = keepsChangeTime(visit) ? visit.stat.ctimeNs : writtenNs(visit);
    if (changedNs >= sinceNs) return visit.path;
  }
  return undefined;
}

/** What sealing did not see, or cannot have seen whole. */
export interface LateChange {
  readonly path: Buffer;
  readonly why: 'changed' | 'open for writing' | 'one more';
}

export interface LateChangeOptions {
  /** When the archive began to be written (nanoseconds). */
  readonly sinceNs: bigint;
  /**
   * Whether nothing was removed yet: then any change of a file counts. A file that had two names
   * changes when one of them is removed; after that only what was written, or is new, counts.
   */
  readonly isWhole: boolean;
  /** Whether files may be open for writing, by programs that can write no more. */
  readonly mayBeOpen: boolean;
  /** How many files the archive holds. */
  readonly fileCount: number;
  readonly leaveOut: LeaveOut;
}

/**
 * The first file in the tree of a sealed task that may hold what its archive does not; undefined
 * where there is none, or no tree. Throws TreeChanged, Errno.
 */
export function findLateChange(top: string, options: LateChangeOptions): LateChange | undefined {
  const { sinceNs, isWhole, mayBeOpen, fileCount, leaveOut } = options;
  const hasContent = contentOfWalk();
  let files = 0;
  for (const visit of walk(top, () => {}, leaveOut)) {
    if (visit.kind !== 'leaf') continue;
    const { path, stat } = visit;
    const changedNs = isWhole && keepsChangeTime(visit) ? stat.ctimeNs : writtenNs(visit);
    if (changedNs >= sinceNs || stat.btimeNs >= sinceNs) return { path, why: 'changed' };
    if (!mayBeOpen && isBeingWritten(visit)) return { path, why: 'open for writing' };
    if (hasContent(visit) && ++files > fileCount) return { path, why: 'one more' };
  }
  return undefined;
}

/** Tells of what a walk visits whether it has content in the tar: files, by their first name. */
function contentOfWalk(): (visit: Visit) => boolean {
  const linked = new Set<string>();
  return ({ stat: { mode, nlink, dev, ino } }) => {
    if (!isRegular(mode)) return false;
    const { size } = linked;
    return nlink === 1 || linked.add(`${dev}:${ino}`).size > size;
  };
}

/** Who has it open may write to it once it has no name any more. */
function isBeingWritten(visit: Visit): boolean {
  if (!isRegular(visit.stat.mode)) return false;
  const fd = openContent(visit, () => {});
  try {
    return isOpenForWriting(fd);
  } finally {
    closeSync(fd);
  }
}

/** A temporary mode changes ctime, and so does renaming the top. */
const keepsChangeTime = ({ stat }: Visit): boolean => !isDirectory(stat.mode) && !needsChmod(stat);

/** mtime can be set to anything, ctime cannot. */
const writtenNs = ({ stat: { mtimeNs, ctimeNs } }: Visit): bigint =>
  mtimeNs < ctimeNs ? mtimeNs : ctimeNs;
