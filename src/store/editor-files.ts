import { latin1Of } from '../latin1.ts';
import { setXattr } from '../sys/index.ts';

/**
 * Editors and file managers keep files of their own beside those that they are used on: swap
 * files, locks, backups, unfinished saves. Their names say what they may be; only who made them
 * says what they are, since a task may well call a file of its own `notes~`. So a mount marks what
 * programs make in it under such a name, and what is marked is not the task's.
 */

/** The attribute by which a mount marks such a file; mounts show it to nobody. */
export const EDITOR_FILE_XATTR = 'user.taskfs.editor-file';

/** Marks an open file (O_PATH will do) as an editor's. */
export const markEditorFile = (fd: number): void => setXattr(fd, EDITOR_FILE_XATTR, MARK);
const MARK = Buffer.from('1');

const EDITOR_NAMES: readonly RegExp[] = [
  // Swap files of vim and nano; what vim makes to see whether it may; locks of emacs; backups.
  /^\..+\.sw[a-z]$/s,
  /^4913$/,
  /^\.#./s,
  /^#.+#$/s,
  /.~$/s,
  // Unfinished saves of GLib's programs, swap files of Kate, locks of LibreOffice.
  /^\.goutputstream-[A-Z0-9]{6}$/,
  /^\..+\.kate-swp$/s,
  /^\.~lock\..+#$/s,
];

/** One expression that matches what any of these does. */
const anyOf = (patterns: readonly RegExp[]): RegExp =>
  new RegExp(patterns.map(({ source }) => source).join('|'), 's');

/** The trash of a file system: https://specifications.freedesktop.org/trash-spec/ */
const TRASH = /^\.Trash(-[0-9]+)?$/;
const TRASH_INFO = /.\.trashinfo$/s;

// Asked of each file that is made through a mount.
const EDITOR_NAME = anyOf([...EDITOR_NAMES, TRASH]);
const MARKED_NAME = anyOf([...EDITOR_NAMES, TRASH, TRASH_INFO]);

/** Whether editors and file managers make files of their own under such a name. */
export const isEditorFileName = (name: Uint8Array): boolean => EDITOR_NAME.test(latin1Of(name));

/** Whether a directory of that name may be the trash, with its `files` and its `info`. */
export const isTrashName = (name: Uint8Array): boolean => TRASH.test(latin1Of(name));

/** Whether a name in `info` is that of a description of what lies in `files`. */
export const isTrashInfoName = (name: Uint8Array): boolean => TRASH_INFO.test(latin1Of(name));

/**
 * Whether a mount marks what programs make under a name. The mark of a description says who put
 * something into the trash; alone, it does not make a file an editor's.
 */
export const isMarkedName = (name: Uint8Array): boolean => MARKED_NAME.test(latin1Of(name));

/** Files that were removed while somebody had them open, as NFS and libfuse call them. */
const REMOVED = /^(\.nfs[0-9a-f]{24}|\.fuse_hidden[0-9a-f]{16,})$/;

/** Whether a name says that somebody removed the file, and only what has it open keeps it. */
export const isRemovedFileName = (name: Uint8Array): boolean => REMOVED.test(latin1Of(name));

/** Where a lock of emacs points: `user@host.pid`, and when the machine started. */
const EMACS_LOCK = /^[^/]+@[^/]+\.\d+(:\d+)?$/;

/** Whether a symlink is a lock of emacs, which bears no mark: symlinks have no attributes. */
export const isEmacsLock = (name: Uint8Array, target: Uint8Array): boolean =>
  latin1Of(name).startsWith('.#') && EMACS_LOCK.test(latin1Of(target));
