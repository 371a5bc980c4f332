import {
  closeSync,
  constants,
  fsyncSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { syncfs } from '../sys/index.ts';

/**
 * Replaces a file as a whole: temporary file, fsync, rename, fsync of the directory. A reader sees
 * the old text or the new one; after return the new one survives a power cut.
 */
export function writeFileAtomic(path: string, data: string | Uint8Array, mode = 0o600): void {
  const temporary = `${path}.${process.pid}.tmp`;
  const fd = openSync(
    temporary,
    constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW,
    mode,
  );
  try {
    writeFileSync(fd, data);
    fsyncSync(fd);
  } catch (error) {
    closeSync(fd);
    rmSync(temporary, { force: true });
    throw error;
  }
  closeSync(fd);
  renameSync(temporary, path);
  syncDirectory(dirname(path));
}

/** Writes a new file and makes its content durable. */
export function writeNewFile(path: string, data: string | Uint8Array): void {
  const fd = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  try {
    writeFileSync(fd, data);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/**
 * Removes what processes left that were killed while they replaced a file. Only for whoever alone
 * may replace it now.
 */
export function removeTemporaries(path: string): void {
  const directory = dirname(path);
  const start = `${basename(path)}.`;
  for (const name of readdirSync(directory)) {
    if (name.startsWith(start) && name.endsWith('.tmp')) rmSync(join(directory, name));
  }
}

/** fsync of a directory: what was created, renamed or removed in it survives a power cut. */
export const syncDirectory = (path: string): void => withDirectory(path, fsyncSync);

/** Makes everything on the file system of a directory durable (syncfs(2)). */
export const syncFileSystem = (path: string): void => withDirectory(path, syncfs);

function withDirectory(path: string, action: (fd: number) => void): void {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    action(fd);
  } finally {
    closeSync(fd);
  }
}
