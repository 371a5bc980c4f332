import type { FileRef, StreamEvents, TreeEntry } from '../protocol.ts';

/** A file as the page knows it. */
export interface Node extends TreeEntry {
  /** When the page saw it change, in milliseconds since the epoch; 0: not since it was opened. */
  readonly changedAt: number;
}

/** A visible line of the tree. */
export interface Row {
  readonly node: Node;
  /** From 1. */
  readonly level: number;
  readonly position: number;
  /** Of all in the same directory. */
  readonly setSize: number;
}

const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' });

/** What a file is called, for people. */
export const nameOf = ({ ref, name }: Pick<TreeEntry, 'ref' | 'name'>): string =>
  name ?? ref.slice(ref.lastIndexOf('/') + 1);

export const parentOf = (ref: FileRef): FileRef => ref.slice(0, Math.max(0, ref.lastIndexOf('/')));

/** The directories that a file is in, the innermost first. */
export function ancestorsOf(ref: FileRef): FileRef[] {
  const parent = parentOf(ref);
  return parent === '' ? [] : [parent, ...ancestorsOf(parent)];
}

/** Names the content of a file at one time. */
export const versionOf = ({ size, mtime }: Pick<TreeEntry, 'size' | 'mtime'>): string =>
  `${size}-${mtime}`;

/** The files of one task. */
export class TaskTree {
  private nodes = new Map<FileRef, Node>();
  private readonly children = new Map<FileRef, Set<FileRef>>();
  private readonly sorted = new Map<FileRef, readonly Node[]>();

  get size(): number {
    return this.nodes.size;
  }

  get(ref: FileRef): Node | undefined {
    return this.nodes.get(ref);
  }

  /** All that is in a directory, in the order of the tree. */
  *all(directory: FileRef = ''): Generator<Node, void> {
    for (const node of this.list(directory)) {
      yield node;
      if (node.kind === 'directory') yield* this.all(node.ref);
    }
  }

  /** Takes in the whole tree; what was known and is different now is marked. */
  replace(entries: readonly TreeEntry[], now: number): void {
    const before = this.nodes;
    const isFirst = before.size === 0;
    this.nodes = new Map();
    this.children.clear();
    this.sorted.clear();
    for (const entry of entries) {
      const known = before.get(entry.ref);
      const isSame = isFirst || (known !== undefined && versionOf(known) === versionOf(entry));
      this.put(entry, isSame ? (known?.changedAt ?? 0) : now);
    }
  }

  apply({ put, removed }: StreamEvents['changes'], now: number): void {
    for (const ref of removed) this.remove(ref);
    for (const entry of put) {
      const known = this.nodes.get(entry.ref);
      const isSame = known !== undefined && versionOf(known) === versionOf(entry);
      this.put(entry, isSame ? known.changedAt : now);
    }
  }

  /** What is in a directory: directories first, then by name as people count. */
  list(directory: FileRef): readonly Node[] {
    const known = this.sorted.get(directory);
    if (known) return known;
    const refs = this.children.get(directory) ?? [];
    const nodes = Array.from(refs, (ref) => this.nodes.get(ref)).filter(
      (node) => node !== undefined,
    );
    nodes.sort((a, b) => rank(a) - rank(b) || collator.compare(nameOf(a), nameOf(b)));
    this.sorted.set(directory, nodes);
    return nodes;
  }

  /** The lines that are visible with these directories open. */
  rows(open: ReadonlySet<FileRef>): Row[] {
    const rows: Row[] = [];
    const add = (directory: FileRef, level: number): void => {
      const nodes = this.list(directory);
      for (const [index, node] of nodes.entries()) {
        rows.push({ node, level, position: index + 1, setSize: nodes.length });
        if (node.kind === 'directory' && open.has(node.ref)) add(node.ref, level + 1);
      }
    };
    add('', 1);
    return rows;
  }

  private put(entry: TreeEntry, changedAt: number): void {
    const parent = parentOf(entry.ref);
    this.nodes.set(entry.ref, { ...entry, changedAt });
    const siblings = this.children.get(parent) ?? new Set();
    this.children.set(parent, siblings.add(entry.ref));
    this.sorted.delete(parent);
  }

  private remove(ref: FileRef): void {
    this.nodes.delete(ref);
    this.children.get(parentOf(ref))?.delete(ref);
    this.children.delete(ref);
    this.sorted.delete(parentOf(ref));
  }
}

const rank = ({ kind }: Node): number => (kind === 'directory' ? 0 : 1);

const PICTURE = /\.(?:png|jpe?g|webp|gif|svg|avif)$/i;

/** Whether a file is shown as a picture, by its name. */
export const isPicture = (entry: TreeEntry): boolean =>
  entry.kind === 'file' && entry.size > 0 && PICTURE.test(nameOf(entry));
