import { createRequire } from 'node:module';
import { messageOf, TaskfsError } from '../errors.ts';

/** What of the fuse-native package (2.2.6) is used; it ships no types. */

/** 0 or a negative errno; for read and write the bytes, or a negative errno. */
export type Callback<T extends unknown[] = []> = (result: number, ...values: T) => void;

/**
 * stat as the package wants it: times in milliseconds, numbers of at most 32 bits but for the
 * size.
 */
export interface NativeStat {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly nlink: number;
  readonly ino: number;
  readonly rdev: number;
  readonly blksize: number;
  readonly blocks: number;
  readonly atime: number;
  readonly mtime: number;
  readonly ctime: number;
}

export interface NativeStatfs {
  readonly bsize: number;
  readonly frsize: number;
  readonly blocks: number;
  readonly bfree: number;
  readonly bavail: number;
  readonly files: number;
  readonly ffree: number;
  readonly favail: number;
  readonly namemax: number;
}

/** The operations, by path. Paths come as UTF-8 with what is none replaced. */
export interface Operations {
  getattr(path: string, done: Callback<[NativeStat?]>): void;
  fgetattr(path: string, handle: number, done: Callback<[NativeStat?]>): void;
  statfs(path: string, done: Callback<[NativeStatfs?]>): void;
  readdir(path: string, done: Callback<[string[]?]>): void;
  readlink(path: string, done: Callback<[string?]>): void;
  open(path: string, flags: number, done: Callback<[number?]>): void;
  create(path: string, mode: number, done: Callback<[number?]>): void;
  read(
    path: string,
    handle: number,
    into: Buffer,
    length: number,
    offset: number,
    done: Callback,
  ): void;
  write(
    path: string,
    handle: number,
    data: Buffer,
    length: number,
    offset: number,
    done: Callback,
  ): void;
  flush(path: string, handle: number, done: Callback): void;
  fsync(path: string, dataOnly: number, handle: number, done: Callback): void;
  release(path: string, handle: number, done: Callback): void;
  truncate(path: string, size: number, done: Callback): void;
  ftruncate(path: string, handle: number, size: number, done: Callback): void;
  chmod(path: string, mode: number, done: Callback): void;
  chown(path: string, uid: number, gid: number, done: Callback): void;
  utimens(path: string, atimeMs: number, mtimeMs: number, done: Callback): void;
  mknod(path: string, mode: number, rdev: number, done: Callback): void;
  mkdir(path: string, mode: number, done: Callback): void;
  symlink(target: string, path: string, done: Callback): void;
  link(path: string, newPath: string, done: Callback): void;
  unlink(path: string, done: Callback): void;
  rmdir(path: string, done: Callback): void;
  rename(path: string, newPath: string, done: Callback): void;
  getxattr(path: string, name: string, position: number, done: Callback<[Buffer?]>): void;
  listxattr(path: string, done: Callback<[string[]?]>): void;
  setxattr(
    path: string,
    name: string,
    value: Buffer,
    position: number,
    flags: number,
    done: Callback,
  ): void;
  removexattr(path: string, name: string, done: Callback): void;
}

export interface NativeOptions {
  readonly fsname: string;
  readonly subtype: string;
  readonly allowOther: boolean;
  readonly defaultPermissions: true;
  /** No timer: the package would answer for a long operation while it is still running. */
  readonly timeout: false;
}

export interface NativeFuse {
  mount(done: (error: Error | null) => void): void;
}

export type NativeFuseClass = new (
  mountpoint: string,
  operations: Operations,
  options: NativeOptions,
) => NativeFuse;

/** Loads the optional package. Throws `failed`, saying how to get it. */
export function loadFuseNative(): NativeFuseClass {
  try {
    return createRequire(import.meta.url)('fuse-native') as NativeFuseClass;
  } catch (cause) {
    throw new TaskfsError('failed', `the libfuse driver cannot be loaded: ${messageOf(cause)}`, {
      hint:
        "It needs the package fuse-native beside taskfs ('npm install -g fuse-native'); " +
        "'--driver kernel' does not need it.",
      cause,
    });
  }
}
