import {
  type FileEvent,
  type LiveTree,
  pathOf,
  printableName,
  type TreeNode,
} from '../../watch/index.ts';
import { encodeRef } from '../file-ref.ts';
import type { StreamEvents, TreeEntry } from '../protocol.ts';

/** All of a tree as the page knows it, parents before what is in them. */
export function entriesOf(tree: LiveTree): TreeEntry[] {
  const entries: TreeEntry[] = [];
  const pending = [tree.root];
  for (let node = pending.pop(); node; node = pending.pop()) {
    if (node.parent) entries.push(entryOf(node));
    pending.push(...node.children.values());
  }
  return entries;
}

function entryOf(node: TreeNode): TreeEntry {
  const { kind, size, mtimeNs } = node.entry;
  return { ...named(pathOf(node)), kind, size, mtime: Number(mtimeNs / 1_000_000n) };
}

/** Events of one task's files as one change of the tree: what each name is in the end. */
export function changesOf(events: readonly FileEvent[]): StreamEvents['changes'] {
  const put = new Map<string, TreeEntry>();
  const removed = new Set<string>();
  for (const { type, path, pathBase64, kind, size, mtime } of events) {
    const bytes = pathBase64 === undefined ? Buffer.from(path) : Buffer.from(pathBase64, 'base64');
    const entry = { ...named(bytes), kind, size, mtime: Date.parse(mtime) };
    if (type === 'remove') {
      put.delete(entry.ref);
      removed.add(entry.ref);
    } else put.set(entry.ref, entry);
  }
  return { put: [...put.values()], removed: [...removed] };
}

function named(path: Buffer): Pick<TreeEntry, 'ref' | 'name'> {
  const ref = encodeRef(path);
  const name = path.subarray(path.lastIndexOf('/') + 1);
  return ref.endsWith(name.toString('latin1')) ? { ref } : { ref, name: printableName(name) };
}
