import { closeSync, constants } from 'node:fs';
import { basename } from 'node:path';
import { Errno, errno } from '../errno.ts';
import { findWriters } from '../mount/index.ts';
import {
  isEditorFileName,
  markEditorFile,
  readRecord,
  type Store,
  type TaskName,
  taskPaths,
} from '../store/index.ts';
import { O_PATH, openAt2, RESOLVE } from '../sys/index.ts';

/**
 * Whether files that editors made for themselves are all that is open for writing on a mount of a
 * task that has ended: then they are marked, and sealing passes over them. Nobody but the kernel
 * sees who makes a file where staging is attached, so only these can be told from the task's own.
 * `top` is a descriptor of staging in the mount.
 */
export function areEditorsAlone(top: number, store: Store, task: TaskName): boolean {
  if (readRecord(taskPaths(store, task).record, task).keepEditorFiles) return false;
  const paths = findWriters(store, task).map(({ path }) => path);
  return paths.length > 0 && paths.every((path) => mark(top, path));
}

/** False for a file that is not an editor's, or cannot be marked. */
function mark(top: number, path: string): boolean {
  if (!isEditorFileName(Buffer.from(basename(path)))) return false;
  const rules = RESOLVE.BENEATH | RESOLVE.NO_SYMLINKS | RESOLVE.NO_XDEV;
  try {
    const fd = openAt2(top, path, O_PATH | constants.O_NOFOLLOW, rules);
    try {
      markEditorFile(fd);
      return true;
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (!(error instanceof Errno)) throw error;
    // One that was removed while it was open is sealed by nobody.
    return error.errno === errno.ENOENT;
  }
}
