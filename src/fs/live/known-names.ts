import { latin1Of } from '../../latin1.ts';
import { DirentBlock, DT } from '../../sys/index.ts';
import type { NodeId } from '../file-system.ts';

/** So many names are remembered in all: some ten MiB. */
const LIMIT = 131_072;

/** Reused: a listing is read in one go. */
const block = new DirentBlock();

interface Known {
  /** By name (latin1 text of raw bytes): whether it is a directory. */
  readonly names: Map<string, boolean>;
  /** Nothing of it was lost since it was last compared with the directory itself. */
  isExact: boolean;
}

/** A name that is gone. */
export interface GoneName {
  readonly name: string;
  readonly isDirectory: boolean;
}

/**
 * The names in observed directories, as far as those who observe them know: what was removed while
 * events were lost is what is known and not there any more. A directory for whose names there is
 * no place is not known.
 */
export class KnownNames {
  private readonly directories = new Map<NodeId, Known>();
  private readonly limit: number;
  private count = 0;

  constructor(limit = LIMIT) {
    this.limit = limit;
  }

  /** Takes the names of a directory from its open descriptor, whose position is its beginning. */
  read(directory: NodeId, fd: number): void {
    this.forget(directory);
    this.directories.set(directory, { names: new Map(), isExact: false });
    for (block.fill(fd); !block.isOver; block.fill(fd)) {
      for (; !block.isOver; block.skip()) {
        const name = latin1Of(block.name);
        if (name !== '.' && name !== '..') this.add(directory, name, block.type === DT.DIR);
      }
      if (!this.directories.has(directory)) return;
    }
  }

  forget(directory: NodeId): void {
    this.count -= this.directories.get(directory)?.names.size ?? 0;
    this.directories.delete(directory);
  }

  add(directory: NodeId, name: string, isDirectory: boolean): void {
    const names = this.directories.get(directory)?.names;
    if (!names) return;
    const before = names.size;
    names.set(name, isDirectory);
    this.count += names.size - before;
    if (this.count > this.limit) this.forget(directory);
  }

  /** Returns whether it was known, or may have been. */
  remove(directory: NodeId, name: string): boolean {
    const known = this.directories.get(directory);
    if (!known) return true;
    const wasKnown = known.names.delete(name);
    if (wasKnown) this.count--;
    return wasKnown || !known.isExact;
  }

  /** Events were lost, in any directory. */
  lost(): void {
    for (const known of this.directories.values()) known.isExact = false;
  }

  /** Takes the names of a directory that are not among those that it has now. */
  takeGone(directory: NodeId, present: readonly Uint8Array[]): GoneName[] {
    const known = this.directories.get(directory);
    if (!known) return [];
    const there = new Set(present.map(latin1Of));
    const gone = [...known.names].filter(([name]) => !there.has(name));
    for (const [name] of gone) this.remove(directory, name);
    known.isExact = true;
    return gone.map(([name, isDirectory]) => ({ name, isDirectory }));
  }
}
