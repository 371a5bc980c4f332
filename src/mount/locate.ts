import { readlinkSync, realpathSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { reasonOf, TaskfsError } from '../errors.ts';
import { decodeBytes, encodeText } from '../process/index.ts';
import { absolutePath, absoluteTextPath } from '../store/index.ts';

/** As many links in a row as the kernel follows. */
const MOST_LINKS = 40;

/**
 * The canonical path of a mount point, all symlinks followed, found without touching what may be
 * mounted on it. Throws `usage`, also where it is not UTF-8.
 */
export function locate(path: string): string {
  let place = absolutePath(path);
  try {
    for (let links = 0; links < MOST_LINKS && place !== '/'; links++) {
      const directory = canonicalPath(dirname(place));
      const named = join(directory, basename(place));
      const target = targetOf(named);
      if (target === undefined) return absoluteTextPath(named, 'the mount point');
      place = resolve(directory, target);
    }
  } catch (cause) {
    if (cause instanceof TaskfsError) throw cause;
    throw unusable(path, cause);
  }
  return place;
}

/** realpath(3), as text of `decodeBytes`. */
export const canonicalPath = (path: string): string =>
  decodeBytes(realpathSync.native(encodeText(path), { encoding: 'buffer' }));

/** Where a symlink leads. Asked of a directory, readlink(2) does not reach its file system. */
function targetOf(path: string): string | undefined {
  try {
    return decodeBytes(readlinkSync(encodeText(path), { encoding: 'buffer' }));
  } catch {
    return undefined;
  }
}

/** A path that cannot be used as a mount point, and why. */
export function unusable(path: string, cause: unknown): TaskfsError {
  if ((cause as NodeJS.ErrnoException).code === 'ENOENT') {
    return new TaskfsError('usage', `the directory of the mount point ${path} does not exist`, {
      hint: `'mkdir -p ${path}' makes both.`,
      cause,
    });
  }
  return new TaskfsError('usage', `the mount point ${path} cannot be used: ${reasonOf(cause)}`, {
    hint: 'Give an empty directory of your own.',
    cause,
  });
}
