import {
  isEditorFileName,
  isEmacsLock,
  isRemovedFileName,
  isTrashName,
  type TaskRecord,
} from '../../store/index.ts';
import { fileXattrs, fileXattrsAt, isDirectory, isSymlink, readlinkAt } from '../../sys/index.ts';
import { parseSelection, type Selection } from '../selection/index.ts';
import type { OnChmod } from './temporary-chmod.ts';
import { holdsOnlyTrashed, isMarked } from './trash.ts';
import { type LeaveOut, type Visit, walk } from './walk.ts';

/** What sealing a task passes over in the tree at `top`, as that is now. Throws as `walk`. */
export function leftOutOf(record: TaskRecord, top: string, onChmod: OnChmod): LeaveOut {
  const { keepEditorFiles = false, sealedPart } = record;
  const leaveOut = keepEditorFiles ? () => undefined : leaveOutEditorFiles;
  if (!sealedPart) return leaveOut;
  const selection = parseSelection(sealedPart);
  const leaveOutExcluded: LeaveOut = (visit) => {
    const isExcluded = selection.excludes(visit.path, isDirectory(visit.stat.mode));
    return isExcluded ? 'unselected' : leaveOut(visit);
  };
  if (!selection.isPartial) return leaveOutExcluded;
  const needed = neededDirectories(walk(top, onChmod, leaveOutExcluded), selection);
  return (visit) => {
    const { path, stat } = visit;
    const isNeeded = isDirectory(stat.mode)
      ? needed.has(keyOf(path))
      : selection.includes(path, false);
    return isNeeded ? leaveOutExcluded(visit) : 'unselected';
  };
}

/** The directories of a walk that are of the selected part, or lead to something that is. */
function neededDirectories(visits: Iterable<Visit>, selection: Selection): ReadonlySet<string> {
  const needed = new Set<string>();
  const above: { readonly path: Buffer; isNeeded: boolean }[] = [];
  for (const { kind, path } of visits) {
    if (kind === 'enter') above.push({ path, isNeeded: selection.includes(path, true) });
    else if (kind === 'leaf') {
      const parent = above.at(-1);
      if (parent && !parent.isNeeded) parent.isNeeded = selection.includes(path, false);
    } else {
      const left = above.pop();
      if (!left?.isNeeded) continue;
      needed.add(keyOf(left.path));
      const parent = above.at(-1);
      if (parent) parent.isNeeded = true;
    }
  }
  return needed;
}

const keyOf = (path: Buffer): string => path.toString('latin1');

/**
 * Passes over what editors and file managers made for themselves, as far as that is certain: what
 * a mount has marked, locks of emacs, and files that were removed while they were open.
 */
const leaveOutEditorFiles: LeaveOut = (visit) => {
  const { name } = visit;
  if (isRemovedFileName(name)) return 'editor';
  if (!isEditorFileName(name)) return undefined;
  return isLock(visit) || isMadeInMount(visit) ? 'editor' : undefined;
};

const isLock = ({ fd, name, stat }: Visit): boolean =>
  isSymlink(stat.mode) && isEmacsLock(name, readlinkAt(fd, name));

function isMadeInMount({ fd, name, stat }: Visit): boolean {
  if (!isDirectory(stat.mode)) return isMarked(fileXattrsAt(fd, name));
  // The task may have put something into it as well.
  return isMarked(fileXattrs(fd)) && (!isTrashName(name) || holdsOnlyTrashed(fd));
}
