import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  readSync,
  statfsSync,
  writeSync,
} from 'node:fs';
import { Errno, errno } from '../../src/errno.ts';
import type {
  Attr,
  AttrChange,
  Attributes,
  Entry,
  FileSystem,
  HandleId,
  NodeId,
  Opened,
} from '../../src/fs/index.ts';
import * as sys from '../../src/sys/index.ts';

/**
 * The smallest file system that a driver can be tested with: a directory as it is, one O_PATH
 * descriptor a node, everything done as the server's own user. `faults` makes operations
 * misbehave.
 */
export interface Faults {
  /** A lookup of this name throws something that is no Errno. */
  readonly throwOn?: string;
  /** A lookup of this name takes so long (milliseconds). */
  readonly slowOn?: { readonly name: string; readonly ms: number };
  readonly ttlMs?: number;
}

const unsupported = (): never => {
  throw Errno.of(errno.EOPNOTSUPP);
};

interface Node {
  readonly fd: number;
  readonly key: string;
  references: number;
}

/** The name by which tests ask for the counts of nodes and handles, as an xattr of the root. */
export const COUNTS_XATTR = 'user.loopback.counts';

export function createFileSystem(directory: string, faults: Faults = {}): FileSystem {
  const nodes = new Map<NodeId, Node>();
  const byKey = new Map<string, NodeId>();
  const handles = new Set<HandleId>();
  const ttl = faults.ttlMs ?? 0;
  let lastNode = 1;
  const rootFd = sys.openAt(sys.AT.FDCWD, directory, sys.O_PATH | constants.O_DIRECTORY);
  nodes.set(1, { fd: rootFd, key: 'root', references: 1 });

  const fdOf = (node: NodeId): number => {
    const found = nodes.get(node);
    if (!found) throw Errno.of(errno.ESTALE);
    return found.fd;
  };
  const attrOf = (fd: number): Attr => sys.statFd(fd);
  const attributes = (fd: number): Attributes => ({ attr: attrOf(fd), attrTtlMs: ttl });
  const through = (fd: number): string => `/proc/self/fd/${fd}`;

  function enter(parent: NodeId, name: Uint8Array): Entry {
    const fd = sys.openAt(fdOf(parent), name, sys.O_PATH | constants.O_NOFOLLOW);
    const stat = sys.statFd(fd);
    const key = `${stat.dev}:${stat.ino}`;
    const known = byKey.get(key);
    const entry = { attr: stat, entryTtlMs: ttl, attrTtlMs: ttl };
    const old = known === undefined ? undefined : nodes.get(known);
    if (known !== undefined && old) {
      closeSync(fd);
      old.references++;
      return { node: known, ...entry };
    }
    const node = ++lastNode;
    nodes.set(node, { fd, key, references: 1 });
    byKey.set(key, node);
    return { node, ...entry };
  }

  function opened(fd: number): Opened {
    handles.add(fd);
    return { handle: fd, keepCache: false, directIo: false };
  }

  function change(node: NodeId, asked: AttrChange): void {
    const fd = fdOf(node);
    if (asked.mode !== undefined) sys.chmodFd(fd, asked.mode);
    if (asked.uid !== undefined || asked.gid !== undefined) {
      sys.chownAt(fd, '', asked.uid ?? 0xffffffff, asked.gid ?? 0xffffffff);
    }
    if (asked.size !== undefined) {
      const file = sys.openAt(sys.AT.FDCWD, through(fd), constants.O_WRONLY);
      ftruncateSync(file, Number(asked.size));
      closeSync(file);
    }
    if (asked.atime !== undefined || asked.mtime !== undefined) {
      sys.utimensAt(fd, '', asked.atime ?? 'omit', asked.mtime ?? 'omit');
    }
  }

  return {
    lookup(parent, name) {
      const text = Buffer.from(name).toString();
      if (text === faults.throwOn) throw new TypeError('a fault that the test asked for');
      if (text === faults.slowOn?.name) {
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, faults.slowOn.ms);
      }
      return enter(parent, name);
    },
    forget(node, count) {
      const found = nodes.get(node);
      if (!found || node === 1) return;
      found.references -= count;
      if (found.references > 0) return;
      nodes.delete(node);
      byKey.delete(found.key);
      closeSync(found.fd);
    },
    getattr: (node) => attributes(fdOf(node)),
    setattr(node, _handle, asked) {
      change(node, asked);
      return attributes(fdOf(node));
    },
    readlink: (node) => sys.readlinkAt(fdOf(node), ''),
    mknod(parent, name, mode, rdev) {
      sys.mknodAt(fdOf(parent), name, mode, rdev);
      return enter(parent, name);
    },
    mkdir(parent, name, mode) {
      sys.mkdirAt(fdOf(parent), name, mode);
      return enter(parent, name);
    },
    symlink(parent, name, target) {
      sys.symlinkAt(target, fdOf(parent), name);
      return enter(parent, name);
    },
    link(node, newParent, newName) {
      const source = through(fdOf(node));
      sys.linkAt(sys.AT.FDCWD, source, fdOf(newParent), newName, sys.AT.SYMLINK_FOLLOW);
      return enter(newParent, newName);
    },
    unlink: (parent, name) => sys.unlinkAt(fdOf(parent), name),
    rmdir: (parent, name) => sys.rmdirAt(fdOf(parent), name),
    rename: (parent, name, newParent, newName, flags) =>
      sys.renameAt(fdOf(parent), name, fdOf(newParent), newName, flags),
    open: (node, flags) =>
      opened(sys.openAt(sys.AT.FDCWD, through(fdOf(node)), flags & ~constants.O_NOFOLLOW)),
    create(parent, name, flags, mode) {
      const create = flags | constants.O_CREAT | constants.O_NOFOLLOW;
      const fd = sys.openAt(fdOf(parent), name, create, mode);
      const entry = enter(parent, name);
      return { entry, opened: opened(fd) };
    },
    tmpfile: unsupported,
    read(handle, into, offset) {
      return readSync(handle, into, 0, into.length, offset);
    },
    write: (handle, data, offset) => writeSync(handle, data, 0, data.length, offset),
    flush: () => {},
    release(handle) {
      handles.delete(handle);
      closeSync(handle);
    },
    fsync: (handle) => fsyncSync(handle),
    lseek: (handle, offset, whence) => sys.seek(handle, offset, whence),
    fallocate: (handle, mode, offset, length) => sys.fallocate(handle, mode, offset, length),
    copyFileRange: (source, sourceOffset, target, targetOffset, length) =>
      sys.copyFileRange(source, sourceOffset, target, targetOffset, length),
    opendir(node) {
      const fd = sys.openAt(fdOf(node), '.', constants.O_RDONLY | constants.O_DIRECTORY);
      handles.add(fd);
      return fd;
    },
    readdir(handle, cookie, add) {
      sys.seek(handle, cookie, 0);
      for (let batch = sys.readDirents(handle); batch.length > 0; ) {
        for (const entry of batch) if (!add(entry)) return;
        batch = sys.readDirents(handle);
      }
    },
    releasedir(handle) {
      handles.delete(handle);
      closeSync(handle);
    },
    fsyncdir: (handle) => fsyncSync(handle),
    statfs() {
      const found = statfsSync(directory, { bigint: true });
      return { ...found, namelen: 255, bsize: Number(found.bsize), frsize: Number(found.bsize) };
    },
    syncfs: (node) => fsyncSync(fdOf(node)),
    getxattr(node, name) {
      if (node !== 1 || Buffer.from(name).toString() !== COUNTS_XATTR) {
        return sys.getXattr(fdOf(node), name);
      }
      return Buffer.from(`${nodes.size} ${handles.size}`);
    },
    listxattr: (node) => sys.listXattr(fdOf(node)),
    setxattr: (node, name, value, flags) => sys.setXattr(fdOf(node), name, value, flags),
    removexattr: (node, name) => sys.removeXattr(fdOf(node), name),
    getlk: () => undefined,
    setlk: unsupported,
    lockHolder: () => undefined,
    flock(handle, _owner, kind) {
      if (kind === 'unlock') return sys.unlock(handle);
      if (!sys.tryLock(handle, kind)) throw Errno.of(errno.EAGAIN);
    },
    close() {
      for (const { fd } of nodes.values()) closeSync(fd);
      for (const handle of handles) fstatSync(handle) && closeSync(handle);
    },
  };
}
