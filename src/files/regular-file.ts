import { closeSync, constants, fstatSync } from 'node:fs';
import { Errno, errno, errnoOf } from '../errno.ts';
import { TaskfsError } from '../errors.ts';
import { AT, O_PATH, openAt, reopen } from '../sys/index.ts';
import { readFully } from './fully.ts';

/** Whether a name may be a symlink, as a user's key file may, and a part of an archive may not. */
type Links = 'follow' | 'refuse';

/**
 * Opens a regular file for reading. Its type is checked before it is opened: a pipe would wait for
 * a writer for ever, and a device may act on being opened. The caller closes the descriptor.
 * Throws Errno ENOENT where there is nothing, `damaged` for anything but a file, `failed`.
 */
export function openRegularFile(path: string, links: Links = 'refuse'): number {
  return openSized(path, links).fd;
}

interface SizedFile {
  readonly fd: number;
  /** In bytes, just before it was opened. */
  readonly size: number;
}

function openSized(path: string, links: Links): SizedFile {
  const pinned = pin(path, links);
  try {
    const stat = fstatSync(pinned);
    if (!stat.isFile()) throw notAFile(path, stat);
    const fd = reopen(pinned, constants.O_RDONLY | constants.O_NONBLOCK);
    return { fd, size: stat.size };
  } catch (cause) {
    throw cause instanceof Errno ? unopened(path, cause) : cause;
  } finally {
    closeSync(pinned);
  }
}

/**
 * The content of a regular file that is never longer than `limit` bytes; a longer one is not read.
 * Throws as `openRegularFile`, and `damaged` for a file that is too long.
 */
export function readRegularFile(path: string, limit: number, links: Links = 'refuse'): Buffer {
  const { fd, size } = openSized(path, links);
  try {
    if (size > limit) {
      const message = `${path} is damaged: it has ${size} bytes, and at most ${limit} can be right`;
      throw new TaskfsError('damaged', message);
    }
    const bytes = Buffer.allocUnsafe(size);
    return bytes.subarray(0, readFully(fd, bytes, 0));
  } finally {
    closeSync(fd);
  }
}

/**
 * Opens a file that must exist. Throws as `openRegularFile`, but `damaged` where it is missing.
 */
export function openRequiredFile(path: string): number {
  try {
    return openRegularFile(path);
  } catch (cause) {
    throw missing(path, cause);
  }
}

/**
 * Reads a file that must exist. Throws as `readRegularFile`, but `damaged` where it is missing.
 */
export function readRequiredFile(path: string, limit: number): Buffer {
  try {
    return readRegularFile(path, limit);
  } catch (cause) {
    throw missing(path, cause);
  }
}

function missing(path: string, cause: unknown): unknown {
  if (cause instanceof TaskfsError || errnoOf(cause) !== errno.ENOENT) return cause;
  return new TaskfsError('damaged', `${path} is missing`, { cause });
}

function pin(path: string, links: Links): number {
  try {
    return openAt(AT.FDCWD, path, links === 'follow' ? O_PATH : O_PATH | constants.O_NOFOLLOW);
  } catch (cause) {
    if (!(cause instanceof Errno) || cause.errno === errno.ENOENT) throw cause;
    if (cause.errno === errno.ENOTDIR || cause.errno === errno.ELOOP) throw notReached(path, cause);
    throw unopened(path, cause);
  }
}

function notAFile(path: string, stat: ReturnType<typeof fstatSync>): TaskfsError {
  const what =
    (stat.isDirectory() && 'a directory') ||
    (stat.isSymbolicLink() && 'a symbolic link') ||
    (stat.isFIFO() && 'a pipe') ||
    (stat.isSocket() && 'a socket') ||
    'a device';
  return new TaskfsError('damaged', `${path} is damaged: it is ${what}, not a file`, {
    hint: 'Somebody put that there: put the file back from a backup.',
  });
}

const notReached = (path: string, cause: Errno): TaskfsError =>
  new TaskfsError('damaged', `${path} is missing: what should be its directory is none`, { cause });

const unopened = (path: string, cause: Errno): TaskfsError =>
  new TaskfsError('failed', `${path} cannot be opened: ${cause.code}`, { cause });
