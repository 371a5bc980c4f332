import { isRegular, type Stat } from '../../sys/index.ts';
import type { Entry } from '../file-system.ts';
import type { CacheLeases } from './cache-leases.ts';
import { type Inode, isDirectoryInode } from './inode.ts';
import type { UnwrittenFiles } from './unwritten-files.ts';

/**
 * For how long (milliseconds) the kernel may cache the attributes that a lookup found, so that the
 * stat(2) for which the name was looked up takes no second request; the next one looks the name up
 * again. The same for a directory's own, which the kernel may ask for before each step through it.
 */
const LOOKUP_MS = 1;

/** For how long (milliseconds) the kernel may cache names and attributes of live files. */
export class CacheTtl {
  private readonly leastMs: number;
  private readonly leases: CacheLeases | undefined;
  private readonly unwritten: UnwrittenFiles | undefined;

  /** Without `leases` and `unwritten` nothing is cached for longer than `leastMs`. */
  constructor(
    leastMs: number,
    leases: CacheLeases | undefined,
    unwritten: UnwrittenFiles | undefined,
  ) {
    this.leastMs = leastMs;
    this.leases = leases;
    this.unwritten = unwritten;
  }

  /** Of a name that was just looked up or made. */
  ofEntry(inode: Inode, stat: Stat): Pick<Entry, 'entryTtlMs' | 'attrTtlMs'> {
    const leaseMs = this.leaseAround(inode);
    // fstat(2) of an open file comes without a lookup, and must not see what is old.
    const lookupMs = inode.open ? 0 : LOOKUP_MS;
    const isUnwritten = () => this.unwritten?.isProven(inode) ?? false;
    return {
      entryTtlMs: Math.max(this.leastMs, leaseMs),
      attrTtlMs: Math.max(
        this.leastMs,
        this.watchedMs(inode, stat, leaseMs, isUnwritten),
        lookupMs,
      ),
    };
  }

  /**
   * Of attributes that were asked for alone: what is asked for twice is worth finding out whether
   * it can be cached.
   */
  ofAttributes(inode: Inode, stat: Stat): number {
    const isUnwritten = () => this.unwritten?.prove(inode) ?? false;
    const watchedMs = this.watchedMs(inode, stat, this.leaseAround(inode), isUnwritten);
    const lookupMs = isDirectoryInode(inode) ? LOOKUP_MS : 0;
    return Math.max(this.leastMs, watchedMs, lookupMs);
  }

  private leaseAround({ parent, name }: Inode): number {
    return parent ? (this.leases?.leaseMs(parent, name) ?? 0) : 0;
  }

  // The watch on a directory reports its own attributes as well; a file's may change under another
  // name, which the watch on this directory does not see, or through a mapping.
  private watchedMs(inode: Inode, stat: Stat, leaseMs: number, isUnwritten: () => boolean): number {
    if (isDirectoryInode(inode)) return this.leases?.leaseMs(inode, '') ?? 0;
    if (leaseMs === 0 || stat.nlink !== 1) return 0;
    return !isRegular(inode.type) || isUnwritten() ? leaseMs : 0;
  }
}
