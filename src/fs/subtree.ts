import { constants } from 'node:fs';
import type {
  Caching,
  DirectoryOperations,
  FileOperations,
  NodeOperations,
} from './file-system.ts';

/**
 * One of the four parts of a mount: the root, live/, archive/ and logs/. It owns a range of node
 * numbers and answers for them. What it leaves out is refused by the router with `refusal`.
 */
export interface Subtree extends Pick<Operations, Always>, Partial<Omit<Operations, Always>> {
  /** The errno number of every change that it does not know: EPERM, or EROFS as POSIX has it. */
  readonly refusal: number;
  /** Closes its descriptors. */
  close(): void;
}

type Operations = NodeOperations<OpenFile, OpenDirectory, OpenedFile>;
type Always = 'lookup' | 'getattr' | 'open' | 'opendir' | 'statfs' | 'getxattr' | 'listxattr';

/** An open file before the router gave it a handle. */
export interface OpenedFile extends Caching {
  readonly file: OpenFile;
}

/**
 * What an open file can do. Without `write` it is EBADF; the rest is done on `fd`, or not at all.
 */
export interface OpenFile
  extends Pick<FileOperations, 'read'>,
    Partial<Omit<FileOperations, 'read'>> {
  /** The descriptor of the real file, where there is one. */
  readonly fd?: number;
  /** A descriptor of the real file from which `read` reads as it is. */
  readonly contentFd?: number;
  /**
   * Throws EROFS where it may not be changed any more, for those who change the real file by `fd`.
   */
  assertWritable?(): void;
  /** Hears that the real file was changed by `fd`. */
  changed?(): void;
  close(): void;
}

/** A directory opened for listing. */
export interface OpenDirectory
  extends Pick<DirectoryOperations, 'readdir'>,
    Partial<Omit<DirectoryOperations, 'readdir'>> {
  close(): void;
}

const O_ACCMODE = 3;

/** Whether open(2)'s flags ask for writing. */
export const asksToWrite = (flags: number): boolean =>
  (flags & O_ACCMODE) !== constants.O_RDONLY || (flags & constants.O_TRUNC) !== 0;
