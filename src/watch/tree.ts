import { closeSync } from 'node:fs';
import { Errno, errno, listDirectory, type Stat, statAt } from '../sys/index.ts';
import { S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../sys/stat.ts';
import { openBeneath } from './open-beneath.ts';

export type EntryKind = 'file' | 'directory' | 'symlink' | 'special';

/** What is known of a file. */
export interface Entry {
  readonly kind: EntryKind;
  /** Bytes. */
  readonly size: number;
  readonly mtimeNs: bigint;
  readonly mode: number;
  readonly ino: bigint;
}

/** A file in its place. Names are raw bytes; a symlink is itself, never followed. */
export interface TreeNode {
  readonly name: Buffer;
  readonly parent: TreeNode | undefined;
  entry: Entry;
  /** Of a directory, by the name's bytes as latin1 text; empty for everything else. */
  readonly children: Map<string, TreeNode>;
  /** A directory that may not be listed; its children are not known. */
  unreadable: boolean;
}

export interface Change {
  readonly action: 'add' | 'change' | 'remove';
  readonly node: TreeNode;
}

/** Shared by all that is no directory: 30,000 empty maps would be the largest part of the tree. */
const noChildren = new Map<string, TreeNode>();
const SLASH = Buffer.from('/');

/** The path of a node under the tree's root, raw. */
export function pathOf(node: TreeNode): Buffer {
  const parts: Buffer[] = [];
  for (let at = node; at.parent; at = at.parent) parts.push(at.name, SLASH);
  return Buffer.concat(parts.slice(0, -1).reverse());
}

/** The key of a name in `children`. */
export const keyOf = (name: Buffer): string => name.toString('latin1');

/**
 * A picture of a directory tree, brought up to date a directory or a name at a time; each refresh
 * returns what it found changed, in an order that can be replayed: parents are added before and
 * removed after their children. The picture is the only memory: what came and went between two
 * refreshes was never there.
 */
export class LiveTree {
  readonly root: TreeNode;
  /** How many directories there are under the root, how many other things, and the bytes of these. */
  directories = 0;
  files = 0;
  bytes = 0;
  private readonly rootFd: number;

  /** `rootFd`: the open root, which stays the caller's to close. */
  constructor(rootFd: number) {
    this.rootFd = rootFd;
    const entry: Entry = { kind: 'directory', size: 0, mtimeNs: 0n, mode: S_IFDIR, ino: 0n };
    this.root = makeNode(Buffer.alloc(0), undefined, entry);
  }

  /** The node at a path of names; or, where the tree does not know all of it, the deepest one it knows. */
  find(names: readonly Buffer[]): { node: TreeNode; exact: boolean } {
    let node = this.root;
    for (const name of names) {
      const child = node.children.get(keyOf(name));
      if (child?.entry.kind !== 'directory') return { node, exact: false };
      node = child;
    }
    return { node, exact: true };
  }

  /** Looks at everything again. */
  refreshAll(): Change[] {
    return this.scan([this.root], true);
  }

  /** Looks at one directory again: its names and what they are, and all of what is new in it. */
  refreshDirectory(directory: TreeNode): Change[] {
    return this.scan([directory], false);
  }

  /** Looks at some names of one directory again, and at all of what is new. */
  refreshNames(directory: TreeNode, names: Iterable<Buffer>): Change[] {
    const changes: Change[] = [];
    const fresh: TreeNode[] = [];
    this.withOpen(directory, (fd) => {
      for (const name of names) this.refreshName(fd, directory, name, changes, fresh);
    });
    changes.push(...this.scan(fresh, true));
    return changes;
  }

  private scan(pending: TreeNode[], deep: boolean): Change[] {
    const changes: Change[] = [];
    for (let node = pending.pop(); node; node = pending.pop()) {
      const directory = node;
      const fresh: TreeNode[] = [];
      this.withOpen(directory, (fd) => this.list(fd, directory, changes, fresh));
      if (!deep) pending.push(...fresh);
      else
        for (const child of directory.children.values()) {
          if (child.entry.kind === 'directory') pending.push(child);
        }
    }
    return changes;
  }

  private list(fd: number, directory: TreeNode, changes: Change[], fresh: TreeNode[]): void {
    const gone = new Set(directory.children.keys());
    for (const { name } of listDirectory(fd)) {
      gone.delete(keyOf(name));
      this.refreshName(fd, directory, name, changes, fresh);
    }
    for (const key of gone) this.remove(directory, key, changes);
  }

  private refreshName(
    fd: number,
    directory: TreeNode,
    name: Buffer,
    changes: Change[],
    fresh: TreeNode[],
  ): void {
    const entry = entryAt(fd, name);
    const known = directory.children.get(keyOf(name));
    if (known && entry && isSameThing(known.entry, entry)) {
      this.update(known, entry, changes);
      return;
    }
    if (known) this.remove(directory, keyOf(name), changes);
    if (entry) this.add(directory, name, entry, changes, fresh);
  }

  private add(
    directory: TreeNode,
    name: Buffer,
    entry: Entry,
    changes: Change[],
    fresh: TreeNode[],
  ): void {
    const node = makeNode(name, directory, entry);
    directory.children.set(keyOf(name), node);
    this.count(entry, 1);
    changes.push({ action: 'add', node });
    if (entry.kind === 'directory') fresh.push(node);
  }

  private update(node: TreeNode, entry: Entry, changes: Change[]): void {
    const before = node.entry;
    if (isEqual(before, entry)) return;
    this.count(before, -1);
    this.count(entry, 1);
    node.entry = entry;
    // A directory's own times change with its names, which are told one by one.
    if (entry.kind !== 'directory') changes.push({ action: 'change', node });
  }

  private remove(directory: TreeNode, key: string, changes: Change[]): void {
    const top = directory.children.get(key);
    if (!top) return;
    directory.children.delete(key);
    const doomed = [top];
    for (const node of doomed) for (const child of node.children.values()) doomed.push(child);
    for (const node of doomed.reverse()) {
      this.count(node.entry, -1);
      changes.push({ action: 'remove', node });
    }
  }

  private count(entry: Entry, sign: 1 | -1): void {
    if (entry.kind === 'directory') {
      this.directories += sign;
      return;
    }
    this.files += sign;
    this.bytes += sign * entry.size;
  }

  /** A directory that is gone is left to its parent's refresh; one that may not be read is marked. */
  private withOpen(directory: TreeNode, work: (fd: number) => void): void {
    let fd: number;
    try {
      fd = openBeneath(this.rootFd, namesOf(directory));
    } catch (error) {
      if (!(error instanceof Errno)) throw error;
      directory.unreadable = error.errno === errno.EACCES || error.errno === errno.EPERM;
      return;
    }
    try {
      directory.unreadable = false;
      work(fd);
    } finally {
      closeSync(fd);
    }
  }
}

function makeNode(name: Buffer, parent: TreeNode | undefined, entry: Entry): TreeNode {
  const children = entry.kind === 'directory' ? new Map<string, TreeNode>() : noChildren;
  return { name, parent, entry, children, unreadable: false };
}

function namesOf(node: TreeNode): Buffer[] {
  const names: Buffer[] = [];
  for (let at = node; at.parent; at = at.parent) names.push(at.name);
  return names.reverse();
}

function entryAt(fd: number, name: Buffer): Entry | undefined {
  try {
    return entryOf(statAt(fd, name));
  } catch (error) {
    if (error instanceof Errno && error.errno === errno.ENOENT) return undefined;
    throw error;
  }
}

function entryOf(stat: Stat): Entry {
  const { mtimeNs, mode, ino } = stat;
  return { kind: kindOf(mode), size: Number(stat.size), mtimeNs, mode, ino };
}

function kindOf(mode: number): EntryKind {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return 'file';
    case S_IFDIR:
      return 'directory';
    case S_IFLNK:
      return 'symlink';
    default:
      return 'special';
  }
}

/** A file saved by renaming another over it is still the same thing to its reader; a directory is not. */
function isSameThing(before: Entry, now: Entry): boolean {
  return before.kind === now.kind && (now.kind !== 'directory' || before.ino === now.ino);
}

function isEqual(before: Entry, now: Entry): boolean {
  return (
    before.mtimeNs === now.mtimeNs &&
    before.size === now.size &&
    before.mode === now.mode &&
    before.ino === now.ino
  );
}
