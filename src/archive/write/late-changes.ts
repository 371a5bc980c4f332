import { closeSync, lutimesSync, statSync } from 'node:fs';
import { isOpenForWriting, isRegular } from '../../sys/index.ts';
import { openContent } from './source-file.ts';
import type { OnChmod } from './temporary-chmod.ts';
import { keepsChangeTime, TreeDigest } from './tree-digest.ts';
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

/** What is known of a tree since its layout was made. */
export interface Since {
  /** When that began (nanoseconds, by `clockOf`). */
  readonly sinceNs: bigint;
  /** By the same clock, now. */
  readonly nowNs: bigint;
  /** The digest of the tree as it was laid out. */
  readonly tree: string;
}

/**
 * The path of the first file in a tree that may have been changed since its layout was made, that
 * of the top where it cannot be told which; undefined where nothing was, or there is no tree. What
 * the digest does not show, since it was written within one tick of the clock after it was looked
 * at, bears a time from `sinceNs` on. A later time than now is of a clock that was set back: it is
 * an old one. Throws TreeChanged, Errno.
 */
export function findChangeSince(
  top: string,
  { sinceNs, nowNs, tree }: Since,
  onChmod: OnChmod,
  leaveOut: LeaveOut,
): Buffer | undefined {
  const digest = new TreeDigest();
  const isOld = (ns: bigint): boolean => ns < sinceNs || (ns > nowNs && nowNs >= sinceNs);
  for (const visit of walk(top, onChmod, leaveOut)) {
    digest.add(visit);
    if (visit.kind === 'leave') continue;
    const changedNs = keepsChangeTime(visit) ? visit.stat.ctimeNs : writtenNs(visit);
    if (!isOld(changedNs)) return visit.path;
  }
  return digest.finish() === tree ? undefined : TOP;
}

/** As a path in words. */
const TOP = Buffer.from('.');

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
  /** The digest of the tree as it was sealed, if it is known: then times do not count. */
  readonly tree: string | undefined;
  readonly leaveOut: LeaveOut;
}

/**
 * The first file in the tree of a sealed task that may hold what its archive does not; undefined
 * where there is none, or no tree. Throws TreeChanged, Errno.
 */
export function findLateChange(top: string, options: LateChangeOptions): LateChange | undefined {
  const { sinceNs, isWhole, mayBeOpen, fileCount, leaveOut, tree } = options;
  const hasContent = contentOfWalk();
  const digest = tree === undefined ? undefined : new TreeDigest();
  let late: LateChange | undefined;
  let files = 0;
  for (const visit of walk(top, () => {}, leaveOut)) {
    digest?.add(visit);
    if (visit.kind !== 'leaf') continue;
    const { path, stat } = visit;
    if (!mayBeOpen && isBeingWritten(visit)) return { path, why: 'open for writing' };
    const changedNs = isWhole && keepsChangeTime(visit) ? stat.ctimeNs : writtenNs(visit);
    if (changedNs >= sinceNs || stat.btimeNs >= sinceNs) late ??= { path, why: 'changed' };
    if (hasContent(visit) && ++files > fileCount) late ??= { path, why: 'one more' };
  }
  if (!digest) return late;
  return digest.finish() === tree ? undefined : (late ?? { path: TOP, why: 'changed' });
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

/** mtime can be set to anything, ctime cannot. */
const writtenNs = ({ stat: { mtimeNs, ctimeNs } }: Visit): bigint =>
  mtimeNs < ctimeNs ? mtimeNs : ctimeNs;
