import type { FileSystem, HandleId, NodeId } from '../filesystem.ts';

const WHOLE_FILE = { start: 0n, end: 0x7fffffffffffffffn, pid: 0 } as const;

/**
 * Remembers which lock owners hold record locks on which node: POSIX drops all locks of a process
 * on a file when it closes any descriptor of it, which the protocol reports as a FLUSH with the owner.
 */
export class LockOwners {
  private readonly byNode = new Map<NodeId, Set<bigint>>();

  add(node: NodeId, owner: bigint): void {
    const owners = this.byNode.get(node);
    if (owners) owners.add(owner);
    else this.byNode.set(node, new Set([owner]));
  }

  /** The owner closed a descriptor of the node: its locks go. Returns whether it had any. */
  drop(fileSystem: FileSystem, node: NodeId, handle: HandleId, owner: bigint): boolean {
    const owners = this.byNode.get(node);
    if (!owners?.delete(owner)) return false;
    if (owners.size === 0) this.byNode.delete(node);
    fileSystem.setlk(handle, owner, { type: 'unlock', ...WHOLE_FILE });
    return true;
  }
}
