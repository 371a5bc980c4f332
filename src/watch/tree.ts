import { joinNames, S_IFDIR } from '../sys/index.ts';

export type EntryKind = 'file' | 'directory' | 'symlink' | 'special';

/** What is known of a file. */
export interface Entry {
  readonly kind: EntryKind;
  /** Bytes. */
  readonly size: number;
  readonly mtimeNs: bigint;
  /** Type and permission bits, as st_mode. */
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
  /** Of a directory: how often a name came or went. */
  revision: number;
  /** A directory that may not be listed; its children are not known. */
  unreadable: boolean;
}

export interface Change {
  readonly action: 'add' | 'change' | 'remove';
  readonly node: TreeNode;
}

/** What was found under a name: nothing where `entry` is undefined. */
export interface Found {
  readonly name: Buffer;
  readonly entry: Entry | undefined;
}

/** Shared by all that is no directory: 30,000 empty maps would be the largest part of the tree. */
const noChildren = new Map<string, TreeNode>();

/** The key of a name in `children`. */
export const keyOf = (name: Buffer): string => name.toString('latin1');

/** The names that lead from the root to a node. */
export function namesOf(node: TreeNode): Buffer[] {
  const names: Buffer[] = [];
  for (let at = node; at.parent; at = at.parent) names.push(at.name);
  return names.reverse();
}

/** The path of a node under the tree's root, raw. */
export const pathOf = (node: TreeNode): Buffer => joinNames(namesOf(node));

/**
 * A picture of a directory tree. It takes what was found and gathers what changed by that, in an
 * order that can be replayed: parents are added before and removed after their children. The
 * picture is the only memory: what came and went between two scans was never there.
 */
export class LiveTree {
  readonly root: TreeNode = makeNode(Buffer.alloc(0), undefined, {
    kind: 'directory',
    size: 0,
    mtimeNs: 0n,
    mode: S_IFDIR,
    ino: 0n,
  });
  /**
   * How many directories there are under the root, how many other things, and the bytes of these.
   */
  directories = 0;
  files = 0;
  bytes = 0;
  private changes: Change[] = [];

  /** What changed since the last time that this was asked. */
  takeChanges(): Change[] {
    const taken = this.changes;
    this.changes = [];
    return taken;
  }

  /**
   * The node at a path of names; or, where the tree does not know all of it, the deepest one it
   * knows.
   */
  find(names: readonly Buffer[]): { node: TreeNode; exact: boolean } {
    let node = this.root;
    for (const name of names) {
      const child = node.children.get(keyOf(name));
      if (child?.entry.kind !== 'directory') return { node, exact: false };
      node = child;
    }
    return { node, exact: true };
  }

  /** Takes in everything that a directory has. Returns the directories that are new. */
  putAll(directory: TreeNode, all: Iterable<Found>): TreeNode[] {
    const gone = new Set(directory.children.keys());
    const fresh: TreeNode[] = [];
    for (const found of all) {
      if (found.entry) gone.delete(keyOf(found.name));
      fresh.push(...this.put(directory, found));
    }
    for (const key of gone) this.remove(directory, key);
    return fresh;
  }

  /** Takes in what one name of a directory is now. Returns it where it is a new directory. */
  put(directory: TreeNode, { name, entry }: Found): TreeNode[] {
    const key = keyOf(name);
    const known = directory.children.get(key);
    if (known && entry && isSameThing(known.entry, entry)) {
      this.update(known, entry);
      return [];
    }
    if (known) this.remove(directory, key);
    if (!entry) return [];
    const node = makeNode(name, directory, entry);
    directory.children.set(key, node);
    directory.revision += 1;
    this.count(entry, 1);
    this.changes.push({ action: 'add', node });
    return entry.kind === 'directory' ? [node] : [];
  }

  private update(node: TreeNode, entry: Entry): void {
    const before = node.entry;
    if (isEqual(before, entry)) return;
    this.count(before, -1);
    this.count(entry, 1);
    node.entry = entry;
    // A directory's own times change with its names, which are reported one by one.
    if (entry.kind !== 'directory') this.changes.push({ action: 'change', node });
  }

  private remove(directory: TreeNode, key: string): void {
    const top = directory.children.get(key);
    if (!top) return;
    directory.children.delete(key);
    directory.revision += 1;
    const doomed = [top];
    for (const node of doomed) for (const child of node.children.values()) doomed.push(child);
    for (const node of doomed.reverse()) {
      this.count(node.entry, -1);
      this.changes.push({ action: 'remove', node });
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
}

function makeNode(name: Buffer, parent: TreeNode | undefined, entry: Entry): TreeNode {
  const children = entry.kind === 'directory' ? new Map<string, TreeNode>() : noChildren;
  return { name, parent, entry, children, revision: 0, unreadable: false };
}

/**
 * A file saved by renaming another over it is still the same thing to its reader; a directory is
 * not.
 */
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
