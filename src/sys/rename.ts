import { Errno, errno, errnoOf } from '../errno.ts';
import { bind, check, cstring } from './libc.ts';
import { findAt } from './stat.ts';

/** Flags of renameat2(2). */
export const RENAME_NOREPLACE = 1;
export const RENAME_EXCHANGE = 2;
export const RENAME_WHITEOUT = 4;

type Name = Uint8Array | string;

const renameat2 = bind('int renameat2(int, const void *, int, const void *, unsigned int)');

export function renameAt(
  dirfd: number,
  name: Name,
  newDirfd: number,
  newName: Name,
  flags = 0,
): void {
  check(renameat2(dirfd, cstring(name), newDirfd, cstring(newName), flags));
}

/**
 * The same to a name that nothing may have: throws EEXIST. Where the file system cannot refuse
 * that by itself, something that gets the name at that moment is replaced.
 */
export function renameToNew(dirfd: number, name: Name, newDirfd: number, newName: Name): void {
  try {
    renameAt(dirfd, name, newDirfd, newName, RENAME_NOREPLACE);
  } catch (error) {
    if (!NO_FLAGS.has(errnoOf(error))) throw error;
    if (findAt(newDirfd, newName)) throw Errno.of(errno.EEXIST);
    renameAt(dirfd, name, newDirfd, newName);
  }
}

/** How file systems refuse flags that they do not know, as most of FUSE and of the network do. */
const NO_FLAGS: ReadonlySet<number> = new Set([errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP]);
