import { lutimesSync, statSync } from 'node:fs';
import { isDirectory } from '../../sys/index.ts';
import { needsChmod } from './source-file.ts';
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

/** The same for content alone: a removal, or a hard link less, is no change. */
export function findWriteSince(
  top: string,
  sinceNs: bigint,
  leaveOut: LeaveOut,
): Buffer | undefined {
  for (const visit of walk(top, () => {}, leaveOut)) {
    if (visit.kind === 'leaf' && writtenNs(visit) >= sinceNs) return visit.path;
  }
  return undefined;
}

/** A temporary mode changes ctime, and so does renaming the top. */
const keepsChangeTime = ({ stat }: Visit): boolean => !isDirectory(stat.mode) && !needsChmod(stat);

/** mtime can be set to anything, ctime cannot. */
const writtenNs = ({ stat: { mtimeNs, ctimeNs } }: Visit): bigint =>
  mtimeNs < ctimeNs ? mtimeNs : ctimeNs;
