import {
  EDITOR_FILE_XATTR,
  isEditorFileName,
  isEmacsLock,
  isRemovedFileName,
  type TaskRecord,
} from '../../store/index.ts';
import { fileXattrs, fileXattrsAt, isDirectory, isSymlink, readlinkAt } from '../../sys/index.ts';
import type { LeaveOut, Visit } from './walk.ts';

/**
 * Passes over what editors and file managers made for themselves, as far as that is certain: what
 * a mount has marked, locks of emacs, and files that were removed while they were open.
 */
const leaveOutEditorFiles: LeaveOut = (visit) => {
  const { name } = visit;
  if (isRemovedFileName(name)) return true;
  if (!isEditorFileName(name)) return false;
  return isLock(visit) || isMarked(visit);
};

/** What sealing a task passes over. */
export const leftOutOf = ({ keepEditorFiles = false }: TaskRecord): LeaveOut =>
  keepEditorFiles ? () => false : leaveOutEditorFiles;

const isLock = ({ fd, name, stat }: Visit): boolean =>
  isSymlink(stat.mode) && isEmacsLock(name, readlinkAt(fd, name));

function isMarked({ fd, name, stat }: Visit): boolean {
  const { user } = isDirectory(stat.mode) ? fileXattrs(fd) : fileXattrsAt(fd, name);
  return user.some(([attribute]) => attribute.toString('latin1') === EDITOR_FILE_XATTR);
}
