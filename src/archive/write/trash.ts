import { closeSync, constants } from 'node:fs';
import { unlessRefused } from '../../errno.ts';
import { EDITOR_FILE_XATTR, isTrashInfoName } from '../../store/index.ts';
import { type FileXattrs, fileXattrsAt, listDirectory, openInMount } from '../../sys/index.ts';

/**
 * The trash that programs keep in a file system, as the FreeDesktop.org Trash specification has
 * it: what was deleted lies in `files`, and for each of it there is a description in `info`.
 */

/** What programs keep there beside: sizes, and what is being deleted for good. */
const OTHERS: readonly string[] = ['directorysizes', 'expunged'];
const SUFFIX = Buffer.from('.trashinfo');

/** Whether a file bears the mark of what was made in a mount. */
export const isMarked = ({ user }: FileXattrs): boolean =>
  user.some(([attribute]) => attribute.toString('latin1') === EDITOR_FILE_XATTR);

/**
 * Whether everything in the trash, an open directory, was put there through a mount: each
 * description bears the mark, and nothing is there without one. Otherwise a task may have used the
 * same directory.
 */
export function holdsOnlyTrashed(trash: number): boolean {
  const described = new Set<string>();
  const isDescription = (name: Buffer, info: number): boolean => {
    described.add(name.toString('latin1'));
    return isTrashInfoName(name) && isMarked(fileXattrsAt(info, name));
  };
  const isDescribed = (name: Buffer): boolean =>
    described.has(Buffer.concat([name, SUFFIX]).toString('latin1'));
  const isKnown = (name: Buffer): boolean =>
    ['info', 'files', ...OTHERS].includes(name.toString('latin1'));
  const isTrue = unlessRefused(
    () =>
      everyNameIn(trash, '.', isKnown) &&
      everyNameIn(trash, 'info', isDescription) &&
      everyNameIn(trash, 'files', isDescribed),
  );
  return isTrue ?? false;
}

type Check = (name: Buffer, directory: number) => boolean;

/** Not by the open directory itself: where its listing continues is somebody else's. */
function everyNameIn(trash: number, path: string, check: Check): boolean {
  const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;
  const directory = openInMount(trash, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  try {
    for (const { name } of listDirectory(directory)) if (!check(name, directory)) return false;
    return true;
  } finally {
    closeSync(directory);
  }
}
