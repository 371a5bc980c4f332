import { Errno, errno } from '../errno.ts';
import { copyFileRange, fallocate, seek } from '../sys/index.ts';
import type {
  Caller,
  Change,
  FileEvent,
  FileSystem,
  HandleId,
  NodeId,
  Observation,
  Revocation,
} from './file-system.ts';
import type { Handles } from './handle-table.ts';
import type { OpenDirectory, OpenedFile, OpenFile, Subtree } from './subtree.ts';
import { toErrno } from './to-errno.ts';

/** What a file system is put together from. */
export interface Parts {
  /** Which subtree answers for a node. Throws ESTALE for a number that is nobody's. */
  readonly subtreeOf: (node: NodeId) => Subtree;
  readonly subtrees: readonly Subtree[];
  readonly files: Handles<OpenFile>;
  readonly directories: Handles<OpenDirectory>;
  /** The part whose caches are revoked. */
  readonly revocation: Revocation;
  /** Reports changes beneath. */
  readonly observation?: Observation;
}

const NOTHING: readonly Change[] = [];
const NO_EVENTS: readonly FileEvent[] = [];

/**
 * The file system that sends each call to the subtree, the file or the directory that it is about.
 */
export function route(parts: Parts): Required<FileSystem> {
  const { subtreeOf, subtrees, files, directories, revocation, observation } = parts;

  const fileOf = (handle: HandleId | undefined): OpenFile | undefined =>
    handle === undefined ? undefined : files.get(handle);

  const opened = (open: OpenedFile, caller: Caller) => {
    const { file, keepCache, directIo, shared = false, refresh = false } = open;
    return { handle: files.add(file, caller), keepCache, directIo, shared, refresh };
  };

  const realFile = (handle: HandleId): number => files.get(handle).fd ?? fail(errno.EOPNOTSUPP);

  const writableFile = (handle: HandleId): number => {
    files.get(handle).assertWritable?.();
    return realFile(handle);
  };

  return {
    lookup: (parent, name, caller) => subtreeOf(parent).lookup(parent, name, caller),
    missingTtlMs: (parent, name) => subtreeOf(parent).missingTtlMs?.(parent, name) ?? 0,
    isCached: (parent, entry) => subtreeOf(parent).isCached?.(parent, entry) ?? false,
    forget: (node, count) => subtreeOf(node).forget?.(node, count),

    getattr: (node, handle) => subtreeOf(node).getattr(node, fileOf(handle)),
    isReadOnly(node) {
      const subtree = subtreeOf(node);
      return subtree.isReadOnly?.(node) ?? subtree.refusal === errno.EROFS;
    },
    setattr(node, handle, change, caller) {
      const subtree = subtreeOf(node);
      return subtree.setattr?.(node, fileOf(handle), change, caller) ?? refuse(subtree);
    },
    readlink: (node) => subtreeOf(node).readlink?.(node) ?? fail(errno.EINVAL),

    mknod(parent, name, mode, rdev, caller) {
      const subtree = subtreeOf(parent);
      return subtree.mknod?.(parent, name, mode, rdev, caller) ?? refuse(subtree);
    },
    mkdir(parent, name, mode, caller) {
      const subtree = subtreeOf(parent);
      return subtree.mkdir?.(parent, name, mode, caller) ?? refuse(subtree);
    },
    symlink(parent, name, target, caller) {
      const subtree = subtreeOf(parent);
      return subtree.symlink?.(parent, name, target, caller) ?? refuse(subtree);
    },
    link(node, newParent, newName) {
      const subtree = subtreeOf(newParent);
      if (subtree !== subtreeOf(node)) return fail(errno.EXDEV);
      return subtree.link?.(node, newParent, newName) ?? refuse(subtree);
    },
    unlink(parent, name) {
      const subtree = subtreeOf(parent);
      if (!subtree.unlink) return refuse(subtree);
      subtree.unlink(parent, name);
    },
    rmdir(parent, name) {
      const subtree = subtreeOf(parent);
      if (!subtree.rmdir) return refuse(subtree);
      subtree.rmdir(parent, name);
    },
    rename(parent, name, newParent, newName, flags) {
      const subtree = subtreeOf(parent);
      if (subtree !== subtreeOf(newParent)) return fail(errno.EXDEV);
      if (!subtree.rename) return refuse(subtree);
      subtree.rename(parent, name, newParent, newName, flags);
    },

    open(node, flags, caller) {
      files.assertFree(caller);
      return opened(subtreeOf(node).open(node, flags, caller), caller);
    },
    create(parent, name, flags, mode, caller) {
      const subtree = subtreeOf(parent);
      files.assertFree(caller);
      const made = subtree.create?.(parent, name, flags, mode, caller) ?? refuse(subtree);
      return { entry: made.entry, opened: opened(made.opened, caller) };
    },
    tmpfile(parent, flags, mode, caller) {
      const subtree = subtreeOf(parent);
      files.assertFree(caller);
      const made = subtree.tmpfile?.(parent, flags, mode, caller) ?? refuse(subtree);
      return { entry: made.entry, opened: opened(made.opened, caller) };
    },

    isChanging: (handle) => files.get(handle).isChanging?.() ?? false,
    contentFd: (handle) => files.get(handle).contentFd,
    read: (handle, into, offset) => files.get(handle).read(into, offset),
    write: (handle, data, offset, appends) =>
      files.get(handle).write?.(data, offset, appends) ?? fail(errno.EBADF),
    // Nothing is held back: what was written has reached the file system beneath.
    flush: (handle) => void files.get(handle),
    release: (handle) => files.close(handle),
    fsync: (handle, dataOnly) => files.get(handle).fsync?.(dataOnly),
    lseek: (handle, offset, whence) =>
      files.get(handle).lseek?.(offset, whence) ?? seek(realFile(handle), offset, whence),
    fallocate(handle, mode, offset, length) {
      fallocate(writableFile(handle), mode, offset, length);
      files.get(handle).changed?.();
    },
    copyFileRange(source, sourceOffset, target, targetOffset, length) {
      const fd = writableFile(target);
      const copied = copyFileRange(realFile(source), sourceOffset, fd, targetOffset, length);
      files.get(target).changed?.();
      return copied;
    },

    getlk: (handle, owner, lock) => files.get(handle).getlk?.(owner, lock),
    // Files that nobody can write need no locks: every one is granted.
    setlk: (handle, owner, lock) => files.get(handle).setlk?.(owner, lock),
    lockHolder: (handle, owner, lock) => files.get(handle).lockHolder?.(owner, lock),
    flock: (handle, owner, kind) => files.get(handle).flock?.(owner, kind),

    opendir(node, caller) {
      directories.assertFree(caller);
      return directories.add(subtreeOf(node).opendir(node, caller), caller);
    },
    keepsListing: (node) => subtreeOf(node).keepsListing?.(node) ?? false,
    readdir: (handle, cookie, add, addPlain) =>
      directories.get(handle).readdir(cookie, add, addPlain),
    releasedir: (handle) => directories.close(handle),
    fsyncdir: (handle) => directories.get(handle).fsyncdir?.(),

    statfs: (node) => subtreeOf(node).statfs(node),
    syncfs(node) {
      for (const subtree of subtrees) subtree.syncfs?.(node);
    },

    getxattr: (node, name) => subtreeOf(node).getxattr(node, name),
    listxattr: (node) => subtreeOf(node).listxattr(node),
    setxattr(node, name, value, flags, caller) {
      const subtree = subtreeOf(node);
      if (!subtree.setxattr) return refuse(subtree);
      subtree.setxattr(node, name, value, flags, caller);
    },
    removexattr(node, name) {
      const subtree = subtreeOf(node);
      if (!subtree.removexattr) return refuse(subtree);
      subtree.removexattr(node, name);
    },
    ioctl: (node, command, input, caller) =>
      subtreeOf(node).ioctl?.(node, command, input, caller) ?? fail(errno.ENOTTY),

    changesFd: () => revocation.changesFd?.(),
    takeChanges: () => revocation.takeChanges?.() ?? NOTHING,
    isAnythingCached: () => revocation.isAnythingCached?.() ?? true,
    settle: () => revocation.settle?.() ?? Number.POSITIVE_INFINITY,
    observe: (nodes) => observation?.observe?.(nodes),
    takeEvents: () => observation?.takeEvents?.() ?? NO_EVENTS,
    hasOwnChanges: () => observation?.hasOwnChanges?.() ?? false,
    replays: (isReplaying) => observation?.replays?.(isReplaying),
    missed: (events) => observation?.missed?.(events),
    takeMissed: () => observation?.takeMissed?.(),
    formerEntry: (place) => observation?.formerEntry?.(place),
    isMountedOn: (place) => observation?.isMountedOn?.(place) ?? false,
    pathOf: (directory) => observation?.pathOf?.(directory),
    toErrno,
    close() {
      files.closeAll();
      directories.closeAll();
      for (const subtree of subtrees) subtree.close();
    },
  };
}

function refuse(subtree: Subtree): never {
  return fail(subtree.refusal);
}

function fail(number: number): never {
  throw Errno.of(number);
}
