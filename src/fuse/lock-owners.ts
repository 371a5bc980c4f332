import type { FileSystem, HandleId, NodeId } from '../fs/index.ts';

const WHOLE_FILE = { start: 0n, end: 0x7fffffffffffffffn, pid: 0 } as const;

/**
 * Remembers which lock owners hold record locks on which node. POSIX drops all locks of a process
 * on a file when it closes any descriptor of it, which the protocol reports as a FLUSH with the
 * owner. Files that were opened only to read, or created only to write, are not flushed: their
 * locks are dropped with the open file by which they were taken.
 */
export class LockOwners {
  private readonly byNode = new Map<NodeId, Set<bigint>>();
  private readonly byHandle = new Map<HandleId, Set<bigint>>();

  add(node: NodeId, handle: HandleId, owner: bigint): void {
    insert(this.byNode, node, owner);
    insert(this.byHandle, handle, owner);
  }

  /** The owner closed a descriptor of the node: its locks go. Returns whether it had any. */
  drop(fileSystem: FileSystem, node: NodeId, handle: HandleId, owner: bigint): boolean {
    const owners = this.byNode.get(node);
    if (!owners?.delete(owner)) return false;
    if (owners.size === 0) this.byNode.delete(node);
    fileSystem.setlk(handle, owner, { type: 'unlock', ...WHOLE_FILE });
    return true;
  }

  /** The last descriptor of an open file is closed: the locks taken through it go. */
  dropHandle(fileSystem: FileSystem, node: NodeId, handle: HandleId): void {
    const owners = this.byHandle.get(handle);
    if (!owners) return;
    this.byHandle.delete(handle);
    for (const owner of owners) this.drop(fileSystem, node, handle, owner);
  }
}

function insert<Key>(sets: Map<Key, Set<bigint>>, key: Key, owner: bigint): void {
  const known = sets.get(key);
  if (known) known.add(owner);
  else sets.set(key, new Set([owner]));
}
