import {
  type Artifact,
  type ArtifactTree,
  type FindIdentities,
  openTree,
} from '../artifacts/index.ts';
import { type ArtifactType, type Store, type TaskName, TYPE_BITS } from '../store/index.ts';
import {
  type Change,
  type EntryKind,
  type Found,
  keyOf,
  type LiveTree,
  pathOf,
  type TreeNode,
} from './tree.ts';

/**
 * Brings a tree to what was archived of a task: what it wrote in its last moments, after the last
 * scan of staging, is found here. Throws `wrong-key` where no identity opens the archive,
 * `damaged`.
 */
export async function scanArchive(
  tree: LiveTree,
  store: Store,
  task: TaskName,
  findIdentities: FindIdentities,
): Promise<Change[]> {
  using archive = await openTree(store, task, findIdentities);
  const pending = [tree.root];
  for (let node = pending.pop(); node; node = pending.pop()) {
    tree.putAll(node, list(archive, node));
    for (const child of node.children.values()) {
      if (child.entry.kind === 'directory') pending.push(child);
    }
  }
  return tree.takeChanges();
}

function list(archive: ArtifactTree, directory: TreeNode): Found[] {
  using node = archive.find(pathOf(directory), 'keep');
  return Array.from(node.list(), (artifact) => foundIn(directory, artifact));
}

const KINDS: Readonly<Partial<Record<ArtifactType, EntryKind>>> = {
  file: 'file',
  directory: 'directory',
  symlink: 'symlink',
};

function foundIn(directory: TreeNode, { name, type, mode, size, mtimeNs }: Artifact): Found {
  const kind = KINDS[type] ?? 'special';
  // An archive has no inode numbers: what has the same name and kind is the same thing.
  const ino = directory.children.get(keyOf(name))?.entry.ino ?? 0n;
  return { name, entry: { kind, size, mtimeNs, mode: mode | TYPE_BITS[type], ino } };
}
