import { type FileEvent, type LiveTree, printableName, type TreeNode } from '../../watch/index.ts';
import { encodeRef } from '../file-ref.ts';
import type { FileRef, StreamEvents, TreeEntry } from '../protocol.ts';

/** All of a tree as the page knows it, parents before what is in them. */
export function entriesOf(tree: LiveTree): TreeEntry[] {
  const entries: TreeEntry[] = [];
  const pending: { readonly directory: TreeNode; readonly prefix: FileRef }[] = [
    { directory: tree.root, prefix: '' },
  ];
  for (let next = pending.pop(); next; next = pending.pop()) {
    for (const node of next.directory.children.values()) {
      const { kind, size, mtimeNs } = node.entry;
      const names = named(node.name, next.prefix);
      entries.push({ ...names, kind, size, mtime: Number(mtimeNs / 1_000_000n) });
      if (kind === 'directory') pending.push({ directory: node, prefix: `${names.ref}/` });
    }
  }
  return entries;
}

/** Events of one task's files as one change of the tree: what each name is in the end. */
export function changesOf(events: readonly FileEvent[]): StreamEvents['changes'] {
  const put = new Map<string, TreeEntry>();
  const removed = new Set<string>();
  for (const { type, path, pathBase64, kind, size, mtime } of events) {
    const bytes = pathBase64 === undefined ? Buffer.from(path) : Buffer.from(pathBase64, 'base64');
    const at = bytes.lastIndexOf('/') + 1;
    const names = named(bytes.subarray(at), encodeRef(bytes.subarray(0, at)));
    const entry = { ...names, kind, size, mtime: Date.parse(mtime) };
    if (type === 'remove') {
      put.delete(entry.ref);
      removed.add(entry.ref);
    } else put.set(entry.ref, entry);
  }
  return { put: [...put.values()], removed: [...removed] };
}

/** A reference, and the name for people where that differs from the reference's last part. */
function named(name: Buffer, prefix: FileRef): Pick<TreeEntry, 'ref' | 'name'> {
  const last = encodeRef(name);
  const ref = prefix + last;
  return last.includes('%') ? { ref, name: printableName(name) } : { ref };
}
