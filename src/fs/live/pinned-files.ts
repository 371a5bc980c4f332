import { closeSync } from 'node:fs';
import type { NodeId } from '../file-system.ts';
import type { CacheLeases } from './cache-leases.ts';
import type { Inode } from './inode.ts';

/** For how long (milliseconds) at least: who looks a name up opens it in the next moment. */
const PINNED_MS = 1000;
/** So many at most. */
const LIMIT = 64;

interface Pin {
  readonly fd: number;
  /** Until when (performance.now()). */
  readonly until: number;
}

/**
 * Descriptors (O_PATH) of files that were just looked up, where names come and go beneath: a task
 * that replaces a file by rename(2) may do so between a program's lookup and its open, which are
 * two requests, and the program is to get the one or the other file. Elsewhere nothing is pinned.
 * The first replacement in a directory may still come in between: the kernel then (ESTALE) looks
 * the name up once more, and by then it is known.
 */
export class PinnedFiles {
  private readonly leases: CacheLeases | undefined;
  /** Oldest first. */
  private readonly pins = new Map<NodeId, Pin>();

  /** Without `leases` nothing is pinned. */
  constructor(leases: CacheLeases | undefined) {
    this.leases = leases;
  }

  /** Whether what is looked up in a directory is to be pinned. */
  arePinnedIn(directory: Inode): boolean {
    return this.leases?.areNamesChanging(directory) ?? false;
  }

  /** A file is not where it was last seen. */
  missed({ parent, name }: Inode): void {
    if (parent) this.leases?.noteMissing(parent, name);
  }

  /** Takes over a descriptor of a file. */
  add(inode: Inode, fd: number): void {
    this.close(inode);
    this.pins.set(inode.id, { fd, until: performance.now() + PINNED_MS });
    const [oldest] = this.pins.keys();
    if (this.pins.size > LIMIT && oldest !== undefined) this.close({ id: oldest });
  }

  /** The descriptor of a file, if it is pinned. */
  peek({ id }: Inode): number | undefined {
    return this.pins.get(id)?.fd;
  }

  close({ id }: Pick<Inode, 'id'>): void {
    const pin = this.pins.get(id);
    if (!pin) return;
    this.pins.delete(id);
    closeSync(pin.fd);
  }

  /** Lets go of what was pinned for long enough. Returns in how many milliseconds to call again. */
  settle(): number {
    const now = performance.now();
    for (const [id, { until }] of this.pins) {
      if (until > now) return until - now;
      this.close({ id });
    }
    return Number.POSITIVE_INFINITY;
  }

  closeAll(): void {
    for (const id of this.pins.keys()) this.close({ id });
  }
}
