import { mkdirSync, statSync } from 'node:fs';
import { errno, errnoOf } from '../errno.ts';
import { TaskfsError } from '../errors.ts';

/**
 * Makes a directory, and those above it that are missing. Node's own way (`recursive`) never ends
 * where the system says ENOENT of a directory that is there, as /proc does. Throws `failed` there,
 * else what mkdir(2) says.
 */
export function makeDirectories(path: string | Buffer, mode = 0o777): void {
  if (isDirectoryAt(path)) return;
  const bytes = Buffer.from(path);
  const end = bytes.lastIndexOf('/');
  const parent = bytes.subarray(0, Math.max(end, 0));
  if (parent.length > 0) makeDirectories(parent, mode);
  try {
    mkdirSync(path, mode);
  } catch (cause) {
    if (isDirectoryAt(path)) return;
    if (errnoOf(cause) !== errno.ENOENT) throw cause;
    throw new TaskfsError('failed', `no directory can be made in ${parent}`, {
      hint: 'Choose another place.',
      cause,
    });
  }
}

/** Whether a path leads to a directory. Throws what stat(2) says, but where nothing is there. */
export const isDirectoryAt = (path: string | Buffer): boolean =>
  statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
