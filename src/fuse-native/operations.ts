import { constants } from 'node:fs';
import { Errno, errno, errnoOf } from '../errno.ts';
import type { AttrChange, Caller, Entry, FileSystem, NodeId } from '../fs/index.ts';
import type { Callback, Operations } from './fuse-native.ts';
import { Paths } from './paths.ts';
import { toNativeStat, toNativeStatfs } from './stat.ts';

const KEEP_ID = 0xffffffff;
const MILLION = 1_000_000n;

/** libfuse's operations, which name paths, on a file system of nodes. */
export function makeOperations(fileSystem: FileSystem): Operations {
  // The package does not say who asks: taken to be the user who mounted.
  const caller: Caller = {
    uid: process.geteuid?.() ?? 0,
    gid: process.getegid?.() ?? 0,
    pid: process.pid,
  };
  const paths = new Paths(fileSystem, caller);

  /** Answers with a number, or with the errno that the action throws. */
  function answerNumber(done: Callback, action: () => number): void {
    done(attempt(action, (error) => -errnoFrom(error)));
    paths.trim();
  }

  function act(done: Callback, action: () => void): void {
    answerNumber(done, () => {
      action();
      return 0;
    });
  }

  /** Answers with 0 and what the action returns. */
  function answer<T>(done: Callback<[T?]>, action: () => T): void {
    let value: T | undefined;
    const result = attempt(
      () => {
        value = action();
        return 0;
      },
      (error) => -errnoFrom(error),
    );
    if (result === 0) done(0, value);
    else done(result);
    paths.trim();
  }

  const errnoFrom = (error: unknown): number =>
    error instanceof Errno ? error.errno : (fileSystem.toErrno?.(error).errno ?? errno.EIO);

  const keep = ({ node }: Entry): void => paths.keep(node);
  const change = (path: string, what: AttrChange): void => {
    fileSystem.setattr(paths.node(path), undefined, what, caller);
  };

  return {
    getattr: (path, done) =>
      answer(done, () => toNativeStat(fileSystem.getattr(paths.node(path), undefined).attr)),
    fgetattr: (path, handle, done) =>
      answer(done, () => toNativeStat(fileSystem.getattr(paths.node(path), handle).attr)),
    statfs: (path, done) => answer(done, () => toNativeStatfs(fileSystem.statfs(paths.node(path)))),
    readdir: (path, done) =>
      answer(done, () => listNames(fileSystem, openedNode(paths, path), caller)),
    readlink: (path, done) =>
      answer(done, () => Buffer.from(fileSystem.readlink(paths.node(path))).toString()),
    open: (path, flags, done) =>
      answer(done, () => fileSystem.open(paths.node(path), flags, caller).handle),
    create: (path, mode, done) =>
      answer(done, () => {
        const { parent, name } = paths.place(path);
        const flags = constants.O_RDWR | constants.O_CREAT;
        const { entry, opened } = fileSystem.create(parent, name, flags, mode & 0o7777, caller);
        keep(entry);
        return opened.handle;
      }),
    read: (_path, handle, into, length, offset, done) =>
      answerNumber(done, () => fileSystem.read(handle, into.subarray(0, length), offset)),
    write: (_path, handle, data, length, offset, done) =>
      answerNumber(done, () => fileSystem.write(handle, data.subarray(0, length), offset)),
    flush: (_path, handle, done) => act(done, () => fileSystem.flush(handle)),
    fsync: (_path, dataOnly, handle, done) =>
      act(done, () => fileSystem.fsync(handle, dataOnly !== 0)),
    release: (_path, handle, done) => act(done, () => fileSystem.release(handle)),
    truncate: (path, size, done) => act(done, () => change(path, { size: BigInt(size) })),
    ftruncate: (path, handle, size, done) =>
      act(done, () => {
        fileSystem.setattr(paths.node(path), handle, { size: BigInt(size) }, caller);
      }),
    chmod: (path, mode, done) => act(done, () => change(path, { mode: mode & 0o7777 })),
    chown: (path, uid, gid, done) =>
      act(done, () =>
        change(path, { ...(uid === KEEP_ID ? {} : { uid }), ...(gid === KEEP_ID ? {} : { gid }) }),
      ),
    // The package hands over the access time twice; the modification time never arrives.
    utimens: (path, atimeMs, mtimeMs, done) =>
      act(done, () => change(path, { atime: nanoseconds(atimeMs), mtime: nanoseconds(mtimeMs) })),
    mknod: (path, mode, rdev, done) =>
      act(done, () => {
        const { parent, name } = paths.place(path);
        keep(fileSystem.mknod(parent, name, mode, rdev, caller));
      }),
    mkdir: (path, mode, done) =>
      act(done, () => {
        const { parent, name } = paths.place(path);
        keep(fileSystem.mkdir(parent, name, mode & 0o7777, caller));
      }),
    symlink: (target, path, done) =>
      act(done, () => {
        const { parent, name } = paths.place(path);
        keep(fileSystem.symlink(parent, name, Buffer.from(target), caller));
      }),
    link: (path, newPath, done) =>
      act(done, () => {
        const node = paths.node(path);
        const { parent, name } = paths.place(newPath);
        keep(fileSystem.link(node, parent, name));
      }),
    unlink: (path, done) =>
      act(done, () => {
        const { parent, name } = paths.place(path);
        fileSystem.unlink(parent, name);
      }),
    rmdir: (path, done) =>
      act(done, () => {
        const { parent, name } = paths.place(path);
        fileSystem.rmdir(parent, name);
      }),
    rename: (path, newPath, done) =>
      act(done, () => {
        const from = paths.place(path);
        const to = paths.place(newPath);
        fileSystem.rename(from.parent, from.name, to.parent, to.name, 0);
      }),
    getxattr: (path, name, _position, done) =>
      answer(done, () => Buffer.from(fileSystem.getxattr(paths.node(path), Buffer.from(name)))),
    listxattr: (path, done) =>
      answer(done, () =>
        fileSystem.listxattr(paths.node(path)).map((name) => Buffer.from(name).toString()),
      ),
    setxattr: (path, name, value, _position, flags, done) =>
      act(done, () =>
        fileSystem.setxattr(paths.node(path), Buffer.from(name), value, flags, caller),
      ),
    removexattr: (path, name, done) =>
      act(done, () => fileSystem.removexattr(paths.node(path), Buffer.from(name))),
  };
}

function attempt(action: () => number, refusal: (error: unknown) => number): number {
  try {
    return action();
  } catch (error) {
    return refusal(error);
  }
}

const nanoseconds = (ms: number): bigint => BigInt(Math.round(ms)) * MILLION;

/**
 * The node of an open directory. Where that was removed its path is ENOENT, which readdir(3) takes
 * for the end of an empty directory: it is ESTALE here.
 */
function openedNode(paths: Paths, path: string): NodeId {
  try {
    return paths.node(path);
  } catch (error) {
    if (errnoOf(error) === errno.ENOENT) throw Errno.of(errno.ESTALE);
    throw error;
  }
}

function listNames(fileSystem: FileSystem, node: number, caller: Caller): string[] {
  const handle = fileSystem.opendir(node, caller);
  const names: string[] = [];
  try {
    fileSystem.readdir(handle, 0n, ({ name }) => names.push(Buffer.from(name).toString()) > 0);
  } finally {
    fileSystem.releasedir(handle);
  }
  return names;
}
