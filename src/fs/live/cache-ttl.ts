import type { Stat } from '../../sys/index.ts';
import type { Entry } from '../file-system.ts';
import type { CacheLeases } from './cache-leases.ts';
import { type Inode, isDirectoryInode } from './inode.ts';

/**
 * A lookup lends the attributes that it found for a moment (milliseconds), so that the stat(2) for
 * which the name was looked up need not ask a second time; the next one looks the name up again.
 * DirectoryFdCache do so when asked, too, since the kernel may ask before each step through one.
 */
const MOMENT_MS = 1;

/** For how long the kernel may believe names and attributes of live files. */
export class CacheTtl {
  private readonly leastMs: number;
  private readonly quiet: CacheLeases | undefined;

  constructor(leastMs: number, quiet: CacheLeases | undefined) {
    this.leastMs = leastMs;
    this.quiet = quiet;
  }

  /** Of a name that was just looked up or made. */
  ofEntry(inode: Inode, stat: Stat): Pick<Entry, 'entryTtlMs' | 'attrTtlMs'> {
    const lent = this.lentAround(inode);
    // Files that are open are asked about without a lookup: they are never believed for a moment.
    const momentMs = inode.open ? 0 : MOMENT_MS;
    return {
      entryTtlMs: Math.max(this.leastMs, lent),
      attrTtlMs: Math.max(this.leastMs, this.knownMs(inode, stat, lent), momentMs),
    };
  }

  /** Of attributes that were asked for alone. */
  ofAttributes(inode: Inode, stat: Stat): number {
    const known = this.knownMs(inode, stat, this.lentAround(inode));
    const momentMs = isDirectoryInode(inode) ? MOMENT_MS : 0;
    return Math.max(this.leastMs, known, momentMs);
  }

  private lentAround({ parent, name }: Inode): number {
    return parent ? (this.quiet?.lendMs(parent, name) ?? 0) : 0;
  }

  // The watch on a directory tells of its own attributes as well; a file's may change under another
  // name, of which the watch on this directory hears nothing.
  private knownMs(inode: Inode, stat: Stat, lent: number): number {
    if (isDirectoryInode(inode)) return this.quiet?.lendMs(inode, '') ?? 0;
    return stat.nlink === 1 ? lent : 0;
  }
}
