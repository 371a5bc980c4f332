import { performance } from 'node:perf_hooks';
import type { Change, NodeId } from '../filesystem.ts';

/** For how long (milliseconds) whoever asked for attributes is taken to ask for more. */
const MEMORY_MS = 1000;
/** Listings of names alone that are remembered: the kernel keeps at least as many directories. */
const LIMIT = 65_536;

/**
 * Whether listings should carry the attributes of files. `find` by name needs none, and is several
 * times faster without; `ls -l` and `grep -r` need all of them, and would ask for each alone. So
 * files are listed by name until somebody asks for one that was so listed; then listings carry
 * attributes, and the kernel is told to forget those that it keeps without.
 */
export class AttributeDemand {
  private lastMs = Number.NEGATIVE_INFINITY;
  private listed = new Set<NodeId>();
  private old: NodeId[] = [];

  /** Somebody asks for a file. */
  note(): void {
    this.lastMs = performance.now();
    if (this.listed.size === 0) return;
    this.old.push(...this.listed);
    this.listed = new Set();
  }

  /** Whether to list a directory's files by name alone. */
  listsNames(directory: NodeId): boolean {
    if (performance.now() < this.lastMs + MEMORY_MS) return false;
    if (this.listed.size < LIMIT) this.listed.add(directory);
    return true;
  }

  /** The listings that are to be made anew, since the last call. */
  takeChanges(): readonly Change[] {
    if (this.old.length === 0) return [];
    const changes = this.old.map((directory) => ({
      directory,
      name: new Uint8Array(),
      node: undefined,
      isListingOld: true,
    }));
    this.old = [];
    return changes;
  }
}
