import { closeSync, constants } from 'node:fs';
import { unlessRefused } from '../../errno.ts';
import {
  EDITOR_FILE_XATTR,
  isEditorFileName,
  isMarkedName,
  markEditorFile,
} from '../../store/index.ts';
import { getXattr, O_PATH, openAt, removeXattr } from '../../sys/index.ts';

/**
 * Marks files that a program on the mount made for itself, so that sealing tells them from the
 * task's. Where no mark can be set (no extended attributes, no right to), the file counts as the
 * task's.
 */

/** After a file was made under a name, by its descriptor. */
export function markMade(fd: number, name: Uint8Array): void {
  if (isMarkedName(name)) unlessRefused(() => markEditorFile(fd));
}

/** The same by its directory. */
export function markMadeIn(directory: number, name: Uint8Array): void {
  if (isMarkedName(name)) withPinned(directory, name, (fd) => markMade(fd, name));
}

/**
 * After a file got another name: a backup made by renaming is the editor's from then on, an
 * unfinished save that becomes the file itself is the task's.
 */
export function markRenamed(directory: number, name: Uint8Array, newName: Uint8Array): void {
  if (isMarkedName(newName)) markMadeIn(directory, newName);
  else if (isMarkedName(name)) {
    withPinned(directory, newName, (fd) => unlessRefused(() => removeXattr(fd, EDITOR_FILE_XATTR)));
  }
}

/** Whether an open file of that name (raw bytes as latin1) is marked. */
export function isMarked(fd: number, name: string): boolean {
  if (!isEditorFileName(Buffer.from(name, 'latin1'))) return false;
  return unlessRefused(() => getXattr(fd, EDITOR_FILE_XATTR)) !== undefined;
}

/** Does something with what a name stands for, unless the system refuses. */
export function withPinned(
  directory: number,
  name: Uint8Array,
  action: (fd: number) => void,
): void {
  unlessRefused(() => {
    const fd = openAt(directory, name, O_PATH | constants.O_NOFOLLOW);
    try {
      action(fd);
    } finally {
      closeSync(fd);
    }
  });
}
