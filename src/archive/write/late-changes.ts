import { lutimesSync, statSync } from 'node:fs';
import { isDirectory } from '../../sys/index.ts';
import { needsChmod } from './source-file.ts';
import type { OnChmod } from './temporary-chmod.ts';
import { type Visit, walk } from './walk.ts';

/**
 * The time now, nanoseconds, by the clock of the file system that a directory is on. A kernel that can
 * tells it finely for who asked before.
 */
export function clockOf(directory: string): bigint {
  statSync(directory);
  const now = new Date();
  lutimesSync(directory, now, now);
  return statSync(directory, { bigint: true }).ctimeNs;
}

/**
 * The first thing in a tree that somebody changed at or after a time (nanoseconds), as its path;
 * undefined where nobody did, or there is no tree. Throws TreeChanged, Errno.
 */
export function findChangeSince(
  top: string,
  sinceNs: bigint,
  onChmod: OnChmod,
): Buffer | undefined {
  for (const visit of walk(top, onChmod)) {
    if (visit.kind === 'leave') continue;
    const changedNs = keepsChangeTime(visit) ? visit.stat.ctimeNs : writtenNs(visit);
    if (changedNs >= sinceNs) return visit.path;
  }
  return undefined;
}

/** The same for content alone: what was removed since, or has one hard link less, is no change. */
export function findWriteSince(top: string, sinceNs: bigint): Buffer | undefined {
  for (const visit of walk(top, () => {})) {
    if (visit.kind === 'leaf' && writtenNs(visit) >= sinceNs) return visit.path;
  }
  return undefined;
}

/** Who lends a right to read changes the time of the last change, and so does who renames the top. */
const keepsChangeTime = ({ stat }: Visit): boolean => !isDirectory(stat.mode) && !needsChmod(stat);

/** A time of writing may be set to any; that of the last change may not. */
const writtenNs = ({ stat: { mtimeNs, ctimeNs } }: Visit): bigint =>
  mtimeNs < ctimeNs ? mtimeNs : ctimeNs;
