import { closeSync } from 'node:fs';
import { Errno, errno } from '../errno.ts';
import {
  isDirectory,
  isRegular,
  isSymlink,
  listDirectory,
  openBeneath,
  peekAt,
  type Stat,
  statAt,
  statFd,
} from '../sys/index.ts';
import {
  type Change,
  type Entry,
  type EntryKind,
  type Found,
  type LiveTree,
  namesOf,
  type TreeNode,
} from './tree.ts';

/** Brings a tree up to date with the directory behind `rootFd`; returns what changed. */
export function scanTree(tree: LiveTree, rootFd: number): Change[] {
  const pending = [tree.root];
  for (let node = pending.pop(); node; node = pending.pop()) {
    list(tree, rootFd, node);
    for (const child of node.children.values()) {
      if (child.entry.kind === 'directory') pending.push(child);
    }
  }
  return tree.takeChanges();
}

/** Scans one directory, and all that is in those directories in it that are new. */
export function scanDirectory(tree: LiveTree, rootFd: number, directory: TreeNode): Change[] {
  listFresh(tree, rootFd, list(tree, rootFd, directory));
  return tree.takeChanges();
}

/** Scans some names of one directory, and all that is in those that are new directories. */
export function scanNames(
  tree: LiveTree,
  rootFd: number,
  directory: TreeNode,
  names: readonly Buffer[],
): Change[] {
  const found = inDirectory(rootFd, directory, (fd, mount) =>
    names.map((name) => findAt(fd, mount, name)),
  );
  for (const one of found ?? []) listFresh(tree, rootFd, tree.put(directory, one));
  return tree.takeChanges();
}

function listFresh(tree: LiveTree, rootFd: number, fresh: TreeNode[]): void {
  for (let node = fresh.pop(); node; node = fresh.pop()) fresh.push(...list(tree, rootFd, node));
}

/** Returns the directories that are new. One that is gone is left to the scan of its parent. */
function list(tree: LiveTree, rootFd: number, directory: TreeNode): TreeNode[] {
  const found = inDirectory(rootFd, directory, (fd, mount) =>
    Array.from(listDirectory(fd), ({ name }) => findAt(fd, mount, name)),
  );
  return found ? tree.putAll(directory, found) : [];
}

/** Undefined where the directory is gone or may not be read, which is then marked. */
function inDirectory(
  rootFd: number,
  directory: TreeNode,
  read: (fd: number, mount: number) => Found[],
): Found[] | undefined {
  let fd: number | undefined;
  try {
    fd = openBeneath(rootFd, namesOf(directory));
    const found = read(fd, statFd(fd).mount);
    directory.unreadable = false;
    return found;
  } catch (error) {
    if (!(error instanceof Errno)) throw error;
    directory.unreadable = error.errno === errno.EACCES || error.errno === errno.EPERM;
    // The root has no parent to be scanned: with it goes all that was in it.
    return directory.parent === undefined && error.errno === errno.ENOENT ? [] : undefined;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function findAt(fd: number, mount: number, name: Buffer): Found {
  try {
    const seen = peekAt(fd, name);
    // What is mounted there is not gone into, nor is its server asked, which may hang.
    return { name, entry: entryOf(seen.mount === mount ? statAt(fd, name) : seen) };
  } catch (error) {
    if (error instanceof Errno && error.errno === errno.ENOENT) return { name, entry: undefined };
    throw error;
  }
}

function entryOf(stat: Stat): Entry {
  const { mtimeNs, mode, ino } = stat;
  return { kind: kindOf(mode), size: Number(stat.size), mtimeNs, mode, ino };
}

function kindOf(mode: number): EntryKind {
  if (isRegular(mode)) return 'file';
  if (isDirectory(mode)) return 'directory';
  return isSymlink(mode) ? 'symlink' : 'special';
}
