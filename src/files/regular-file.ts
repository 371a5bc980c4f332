import { closeSync, constants, fstatSync, lstatSync, type Stats, statSync } from 'node:fs';
import { Errno, errno, errnoOf, errnoWords, unlessMissing } from '../errno.ts';
import { TaskfsError } from '../errors.ts';
import { AT, openAt } from '../sys/index.ts';
import { readFully } from './read-write.ts';

/** Whether a name may be a symlink, as a user's key file may, and a part of an archive may not. */
type Links = 'follow' | 'refuse';

/**
 * Opens a regular file for reading. It is looked at before it is opened: a pipe would wait for a
 * writer for ever, and a device may act on being opened. What takes its place in between is looked
 * at as well; only root could make a device of it. The caller closes the descriptor.
 * Throws Errno ENOENT where there is nothing, `damaged` for anything but a file, `failed`.
 */
export function openRegularFile(path: string, links: Links = 'refuse'): number {
  return openSized(path, links).fd;
}

interface SizedFile {
  readonly fd: number;
  /** In bytes, of what was opened: a record may be replaced at any time. */
  readonly size: number;
}

function openSized(path: string, links: Links): SizedFile {
  try {
    const stat = links === 'follow' ? statSync(path, NO_ENTRY) : lstatSync(path, NO_ENTRY);
    if (stat === undefined) throw Errno.of(errno.ENOENT);
    if (!stat.isFile()) throw notAFile(path, stat);
    const fd = openAt(AT.FDCWD, path, links === 'follow' ? READ : READ | constants.O_NOFOLLOW);
    return { fd, size: sizeOfOpened(path, fd) };
  } catch (cause) {
    throw explained(path, cause);
  }
}

function sizeOfOpened(path: string, fd: number): number {
  const stat = fstatSync(fd);
  if (stat.isFile()) return stat.size;
  closeSync(fd);
  throw notAFile(path, stat);
}

/** No system call more than needed: lists of thousands of tasks read thousands of records. */
const NO_ENTRY = { throwIfNoEntry: false } as const;
const READ = constants.O_RDONLY | constants.O_NONBLOCK;

/**
 * The content of a regular file that is never longer than `limit` bytes; a longer one is not read.
 * Throws as `openRegularFile`, and `damaged` for a file that is too long.
 */
export function readRegularFile(path: string, limit: number, links: Links = 'refuse'): Buffer {
  return readWhole(path, limit, links, (fd, size) => {
    const bytes = Buffer.allocUnsafe(size);
    return bytes.subarray(0, readFully(fd, bytes, 0));
  });
}

/** The same as text of UTF-8. */
export function readRegularText(path: string, limit: number): string {
  return readWhole(path, limit, 'refuse', (fd, size) => {
    const bytes = size <= shared.length ? shared.subarray(0, size) : Buffer.allocUnsafe(size);
    return bytes.toString('utf8', 0, readFully(fd, bytes, 0));
  });
}

/** The same, empty where there is no such file. */
export const readOptionalText = (path: string, limit: number): string =>
  unlessMissing(() => readRegularText(path, limit)) ?? '';

/** One for all short texts: thousands of buffers would be thousands to collect. */
const shared = Buffer.alloc(64 * 1024);

function readWhole<T>(
  path: string,
  limit: number,
  links: Links,
  read: (fd: number, size: number) => T,
): T {
  const { fd, size } = openSized(path, links);
  try {
    if (size <= limit) return read(fd, size);
    const message = `${path} is damaged: it has ${size} bytes, and at most ${limit} can be right`;
    throw new TaskfsError('damaged', message);
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

function explained(path: string, cause: unknown): unknown {
  // A path that is none, such as one with a NUL, is the caller's mistake.
  if (cause instanceof TaskfsError || cause instanceof TypeError) return cause;
  const number = errnoOf(cause);
  if (number === errno.ENOENT) return cause;
  if (number === errno.ENOTDIR || number === errno.ELOOP) return notReached(path, cause);
  const message = `${path} cannot be opened: ${errnoWords(number)}`;
  return new TaskfsError('failed', message, { cause });
}

function notAFile(path: string, stat: Stats): TaskfsError {
  const what =
    (stat.isDirectory() && 'a directory') ||
    (stat.isSymbolicLink() && 'a symbolic link') ||
    (stat.isFIFO() && 'a pipe') ||
    (stat.isSocket() && 'a socket') ||
    'a device';
  return new TaskfsError('damaged', `${path} is damaged: it is ${what}, not a file`, {
    hint: 'Somebody replaced it: put the file back from a backup.',
  });
}

const notReached = (path: string, cause: unknown): TaskfsError =>
  new TaskfsError('damaged', `${path} is missing: what should be its directory is none`, { cause });
