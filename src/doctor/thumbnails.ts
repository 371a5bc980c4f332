import { closeSync, constants, fstatSync, openSync, readdirSync, readSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { unlessMissing } from '../errno.ts';

/**
 * File managers keep small pictures of files in the user's cache, in plaintext, also of those that
 * a mount shows decrypted. The Thumbnail Managing Standard of freedesktop.org says where, and that
 * each is a PNG that names its file in a text chunk `Thumb::URI`. It is a cache: what is removed
 * is made again when somebody looks.
 */

/** A thumbnail of a file that has, or had, a path as in a mount of some store. */
export interface Thumbnail {
  readonly path: string;
  /** The path of the file that it shows, raw bytes as latin1. */
  readonly file: string;
  /** Names that may be the file's task: directories in one that is called `live` or `archive`. */
  readonly tasks: readonly string[];
}

/** The user's thumbnails of files in mounts, of this store or another. */
export function listThumbnails(): Thumbnail[] {
  return pngsIn(cacheDirectory(), DEEPEST).flatMap((path) => {
    const file = fileOf(path);
    if (file === undefined) return [];
    const tasks = [...file.matchAll(TASK)].flatMap(([, ...names]) => names.filter(Boolean));
    return tasks.length > 0 ? [{ path, file, tasks }] : [];
  });
}

/** A directory in archive/ that is called like a day may also be one in which tasks are grouped. */
const TASK = /\/(?:live|archive)\/(?:(\d{4}-\d\d-\d\d)\/)?([^/]+)(?=\/)/g;

/** Removes the user's thumbnails of files of some tasks; returns how many there were. */
export function removeThumbnailsOf(tasks: readonly string[]): number {
  const wanted = new Set(tasks);
  const found = listThumbnails().filter((thumbnail) =>
    thumbnail.tasks.some((task) => wanted.has(task)),
  );
  removeThumbnails(found);
  return found.length;
}

export function removeThumbnails(thumbnails: readonly Thumbnail[]): void {
  for (const { path } of thumbnails) rmSync(path, { force: true });
}

const cacheDirectory = (): string =>
  join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'thumbnails');

/** `SIZE/NAME.png`, and `fail/PROGRAM/NAME.png` of files that none could be made of. */
const DEEPEST = 2;

function pngsIn(directory: string, depth: number): string[] {
  return entriesOf(directory).flatMap((entry) => {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return depth > 0 ? pngsIn(path, depth - 1) : [];
    return entry.isFile() && entry.name.endsWith('.png') ? [path] : [];
  });
}

const entriesOf = (directory: string) =>
  unlessMissing(() => readdirSync(directory, { withFileTypes: true })) ?? [];

/** Undefined where it is no PNG that names a local file. */
function fileOf(path: string): string | undefined {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  const fd = unlessMissing(() => openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
  // Its program has just replaced it.
  if (fd === undefined) return undefined;
  try {
    const uri = uriIn(fd);
    return uri?.startsWith(FILE) ? decodePercent(uri.slice(FILE.length)) : undefined;
  } finally {
    closeSync(fd);
  }
}

const FILE = 'file://';

const decodePercent = (text: string): string =>
  text.replace(/%([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)));

const SIGNATURE = '\x89PNG\r\n\x1a\n';
const KEYWORD = 'Thumb::URI\0';
/** A path has 4096 bytes at most, and a URI three characters for each. */
const LONGEST = 16 * 1024;

/** Goes from chunk to chunk (PNG, ISO/IEC 15948, 5.3): length, type, data, checksum. */
function uriIn(fd: number): string | undefined {
  if (textAt(fd, 0, SIGNATURE.length) !== SIGNATURE) return undefined;
  const { size } = fstatSync(fd);
  const header = Buffer.alloc(8);
  for (let at = SIGNATURE.length; at < size; ) {
    if (readSync(fd, header, 0, header.length, at) < header.length) return undefined;
    const length = header.readUInt32BE(0);
    const data = at + header.length;
    if (header.toString('latin1', 4) === 'tEXt' && length <= LONGEST) {
      const text = textAt(fd, data, length);
      if (text.startsWith(KEYWORD)) return text.slice(KEYWORD.length);
    }
    at = data + length + CHECKSUM;
  }
  return undefined;
}

const CHECKSUM = 4;

function textAt(fd: number, at: number, length: number): string {
  const bytes = Buffer.alloc(length);
  return bytes.toString('latin1', 0, readSync(fd, bytes, 0, length, at));
}
