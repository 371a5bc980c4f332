import { closeSync, constants } from 'node:fs';
import { Errno, unlessRefused } from '../../errno.ts';
import type { CacheLeases } from './cache-leases.ts';
import type { Inode } from './inode.ts';
import type { InodeTable } from './inode-table.ts';
import type { LiveFile } from './live-file.ts';
import type { Resolver } from './resolver.ts';
import type { UnwrittenFiles } from './unwritten-files.ts';

/**
 * For how long (milliseconds) at most: what is made unreadable beneath meanwhile cannot be opened
 * any more. Whoever opens and closes a file is done by then, on a busy machine too.
 */
const DEFERRED_MS = 10;

/** O_NOFOLLOW and O_LARGEFILE, on x86 and the other way round on ARM; and execve(2)'s own flag. */
const NOFOLLOW_LARGEFILE = 0o500000;
const FMODE_EXEC = 0x20;

/** What may be asked for besides reading: each is nothing to the file beneath. */
const HARMLESS = constants.O_NONBLOCK | NOFOLLOW_LARGEFILE | FMODE_EXEC;

interface Parts {
  readonly table: InodeTable;
  readonly resolver: Resolver;
  readonly leases: CacheLeases | undefined;
  readonly unwritten: UnwrittenFiles | undefined;
}

/**
 * Opens that wait until something is asked of the file. Whoever searches a tree that the kernel has
 * in its caches opens each file and closes it again, and all that is read is there already: opening
 * the file beneath would be most of the work, and of no use.
 */
export class DeferredOpens {
  private readonly table: InodeTable;
  private readonly resolver: Resolver;
  private readonly leases: CacheLeases | undefined;
  private readonly unwritten: UnwrittenFiles | undefined;
  /** Oldest first, with the time (performance.now()) of the open. */
  private readonly waiting = new Map<LiveFile, number>();

  /** Without `leases` and `unwritten` nothing waits. */
  constructor({ table, resolver, leases, unwritten }: Parts) {
    this.table = table;
    this.resolver = resolver;
    this.leases = leases;
    this.unwritten = unwritten;
  }

  /**
   * Pins a file (O_PATH), to be opened later, where opening it now would succeed and find its pages
   * right, as it did before: it is where it was, nothing of it has changed since, and nobody can
   * have written to it unnoticed. Undefined where it is to be opened at once.
   */
  pin(inode: Inode, flags: number): number | undefined {
    if ((flags & ~HARMLESS) !== constants.O_RDONLY || inode.open) return undefined;
    const ctimeNs = this.table.pagesOf(inode);
    if (ctimeNs === undefined || !inode.parent) return undefined;
    if (!this.leases?.isQuiet(inode.parent) || !this.unwritten?.isProvenNow(inode))
      return undefined;
    const pinned = unlessRefused(() => this.resolver.pinByName(inode));
    if (pinned?.stat.nlink === 1 && pinned.stat.ctimeNs === ctimeNs) return pinned.fd;
    if (pinned) closeSync(pinned.fd);
    return undefined;
  }

  add(file: LiveFile): void {
    this.waiting.set(file, performance.now());
  }

  /** Nothing waits for this file any more. */
  delete(file: LiveFile): void {
    this.waiting.delete(file);
  }

  /** Opens what has waited long enough. Returns in how many milliseconds to call it again. */
  settle(): number {
    const now = performance.now();
    for (const [file, since] of this.waiting) {
      const left = since + DEFERRED_MS - now;
      if (left > 0) return left;
      this.open(file);
    }
    return Number.POSITIVE_INFINITY;
  }

  /** Opens all that waits, before a mode changes, which could make it impossible. */
  openAll(): void {
    for (const file of this.waiting.keys()) this.open(file);
  }

  /** What cannot be opened is tried again, and refused then, when something is asked of it. */
  private open(file: LiveFile): void {
    this.waiting.delete(file);
    try {
      void file.fd;
    } catch (error) {
      if (!(error instanceof Errno)) throw error;
    }
  }
}
