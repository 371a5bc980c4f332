import {
  type Artifact,
  type ArtifactTree,
  type ArtifactType,
  type FindIdentities,
  openTree,
} from '../artifacts/index.ts';
import type { Store, TaskName } from '../store/index.ts';
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG, S_IFSOCK } from '../sys/index.ts';
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
 * look at staging, is found here. Throws `wrong-key` where no identity opens the archive, `damaged`.
 */
export async function lookAtArchive(
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

const types: Readonly<Record<ArtifactType, readonly [EntryKind, number]>> = {
  file: ['file', S_IFREG],
  directory: ['directory', S_IFDIR],
  symlink: ['symlink', S_IFLNK],
  fifo: ['special', S_IFIFO],
  socket: ['special', S_IFSOCK],
  'character-device': ['special', S_IFCHR],
  'block-device': ['special', S_IFBLK],
};

function foundIn(directory: TreeNode, { name, type, mode, size, mtimeNs }: Artifact): Found {
  const [kind, typeBits] = types[type];
  // An archive has no inode numbers: what has the same name and kind is the same thing.
  const ino = directory.children.get(keyOf(name))?.entry.ino ?? 0n;
  return { name, entry: { kind, size, mtimeNs, mode: mode | typeBits, ino } };
}
