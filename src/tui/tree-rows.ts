import type { LiveTree, TreeNode } from '../watch/index.ts';

/** A file or directory in its place on the screen. */
export interface TreeRow {
  /** The bytes of its path as latin1 text: no two are the same. */
  readonly key: string;
  readonly node: TreeNode;
  /** From 0, right in the task's directory. */
  readonly depth: number;
}

interface Sorted {
  readonly revision: number;
  readonly keys: readonly string[];
}

/**
 * The rows of a tree, by raw name, without what is in closed directories. The order of a
 * directory is kept until its names change: a large one is not sorted for every change.
 */
export class TreeRows {
  private sorted = new WeakMap<TreeNode, Sorted>();

  /** All rows; of those that have a text in their path, with `filter`, open or closed. */
  of(tree: LiveTree, closed: ReadonlySet<string>, filter: string): TreeRow[] {
    const rows: TreeRow[] = [];
    const wanted = Buffer.from(filter).toString('latin1').toLowerCase();
    const stack = [...this.children(tree.root, '', 0)].reverse();
    for (let row = stack.pop(); row; row = stack.pop()) {
      if (wanted === '' || row.key.toLowerCase().includes(wanted)) rows.push(row);
      if (row.node.children.size === 0) continue;
      if (wanted === '' && closed.has(row.key)) continue;
      for (const child of this.children(row.node, `${row.key}/`, row.depth + 1).reverse())
        stack.push(child);
    }
    return rows;
  }

  private children(directory: TreeNode, before: string, depth: number): TreeRow[] {
    const rows: TreeRow[] = [];
    for (const name of this.names(directory)) {
      const node = directory.children.get(name);
      if (node) rows.push({ key: before + name, node, depth });
    }
    return rows;
  }

  /** The keys of a directory's children in the order of their bytes. */
  private names(directory: TreeNode): readonly string[] {
    const { revision, children } = directory;
    const known = this.sorted.get(directory);
    if (known?.revision === revision) return known.keys;
    const keys = [...children.keys()].sort();
    this.sorted.set(directory, { revision, keys });
    return keys;
  }
}

/** The key of the row of a path. */
export const rowKeyOf = (path: Buffer): string => path.toString('latin1');
