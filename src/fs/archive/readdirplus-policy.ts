import { performance } from 'node:perf_hooks';
import type { Change, NodeId } from '../file-system.ts';

/**
 * For how long (milliseconds) a request for attributes makes more of them likely. A walk that
 * takes attributes from listings sends none: once in this time it meets a directory listed
 * without.
 */
const MEMORY_MS = 300;
/** Listings of names alone that are remembered: the kernel keeps at least as many directories. */
const LIMIT = 65_536;

/**
 * Whether listings should carry attributes: those of a task its files', that of archive/ its
 * tasks'. `find` by name needs none, and is several times faster without; `ls -l` and `grep -r`
 * need all of them, and would ask for each alone. So they are listed by name until somebody asks
 * for one of the same task, or for a task; then listings carry attributes, and the kernel's cached
 * ones without are invalidated.
 */
export class ReaddirplusPolicy {
  /** When somebody last asked, by the slot of the task; tasks themselves have one of their own. */
  private readonly askedMs = new Map<number, number>();
  /** Directories listed by name alone, by slot. */
  private readonly listed = new Map<number, Set<NodeId>>();
  private count = 0;
  private old: NodeId[] = [];

  /** Somebody asks for a file of the task in this slot, or for a task. */
  noteRequest(slot: number): void {
    this.askedMs.set(slot, performance.now());
    const listed = this.listed.get(slot);
    if (!listed) return;
    for (const directory of listed) this.old.push(directory);
    this.count -= listed.size;
    this.listed.delete(slot);
  }

  /** Whether to list what is in a directory by name alone. */
  listsNames(slot: number, directory: NodeId): boolean {
    const askedMs = this.askedMs.get(slot) ?? Number.NEGATIVE_INFINITY;
    if (performance.now() < askedMs + MEMORY_MS) return false;
    if (this.count < LIMIT) this.remember(slot, directory);
    return true;
  }

  private remember(slot: number, directory: NodeId): void {
    const listed = this.listed.get(slot) ?? new Set<NodeId>();
    if (listed.size === 0) this.listed.set(slot, listed);
    if (listed.has(directory)) return;
    listed.add(directory);
    this.count++;
  }

  /** The listings that are to be read again, since the last call. */
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
