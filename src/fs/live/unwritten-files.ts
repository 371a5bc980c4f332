import { closeSync, constants } from 'node:fs';
import { unlessRefused } from '../../errno.ts';
import { IN, isRegular, isSurelyUnwritten, reopen } from '../../sys/index.ts';
import type { CacheLeases, OpenedBeneath } from './cache-leases.ts';
import type { Inode } from './inode.ts';
import type { InodeTable } from './inode-table.ts';
import type { Resolver } from './resolver.ts';

/** So many descriptors at most are kept until the events of their opening were read. */
const KEPT_LIMIT = 128;

interface Kept {
  readonly inode: Inode;
  readonly fd: number;
}

/**
 * Knows which files nobody can write to without an event of it first. What is stored through a
 * mapping raises no inotify event, so attributes of a file may be cached only where nobody has it
 * open for writing or mapped to be written, as a lease shows (F_SETLEASE of fcntl(2)), and where
 * whoever opens it from then on is reported (IN_OPEN).
 *
 * Our own opens are reported as well, and inotify merges equal events that follow each other: one
 * may stand for somebody else's open too. So what we have opened ourselves is looked at again when
 * that event is read, by a descriptor that is kept until then.
 */
export class UnwrittenFiles {
  private readonly table: InodeTable;
  private readonly resolver: Resolver;
  private readonly leases: CacheLeases;
  private readonly kept = new Map<string, Kept>();

  constructor(table: InodeTable, resolver: Resolver, leases: CacheLeases) {
    this.table = table;
    this.resolver = resolver;
    this.leases = leases;
  }

  /** Whether it is known of a file, without finding out. */
  isProven(inode: Inode): boolean {
    const { parent } = inode;
    const watch = parent && this.leases.openWatch(parent);
    return watch !== undefined && this.table.provenBy(inode) === watch;
  }

  /** The same, and that nothing else was reported until now. */
  isProvenNow(inode: Inode): boolean {
    return this.isProven(inode) && !this.leases.hasReports;
  }

  /** Finds out about a file, unless that is known. */
  prove(inode: Inode): boolean {
    if (!isRegular(inode.type) || !inode.parent) return false;
    const watch = this.leases.watchOpens(inode.parent);
    if (watch === undefined) return false;
    if (this.table.provenBy(inode) === watch) return true;
    if (!this.isUnwrittenNow(inode, watch)) return false;
    this.table.setProvenBy(inode, watch);
    return true;
  }

  private isUnwrittenNow(inode: Inode, watch: number): boolean {
    if (inode.open) {
      const fd = readerOf(inode);
      return fd !== undefined && isSurelyUnwritten(fd);
    }
    const fd = this.openToRead(inode);
    if (fd === undefined) return false;
    const isUnwritten = isSurelyUnwritten(fd);
    this.keep(inode, watch, fd);
    return isUnwritten;
  }

  /** Undefined where it is gone, or may not be read. */
  private openToRead(inode: Inode): number | undefined {
    const flags = constants.O_RDONLY | constants.O_NONBLOCK;
    return unlessRefused(() => this.resolver.with(inode, (pinned) => reopen(pinned, flags)));
  }

  /** Closes a descriptor that was open only to read, at once or when the event of that was read. */
  close(inode: Inode, fd: number): void {
    const watch = inode.parent && this.leases.openWatch(inode.parent);
    if (watch !== undefined && this.table.provenBy(inode) === watch) this.keep(inode, watch, fd);
    else closeSync(fd);
  }

  private keep(inode: Inode, watch: number, fd: number): void {
    const key = keyOf(watch, inode.name);
    if (this.kept.size >= KEPT_LIMIT || this.kept.has(key)) closeSync(fd);
    else this.kept.set(key, { inode, fd });
  }

  /**
   * Follows the event of an open or a close; `find` gives the inode of the name. Returns the inode
   * if what is cached of it may be out of date.
   */
  reopened(event: OpenedBeneath, find: () => Inode | undefined): Inode | undefined {
    const { watch, name, kind } = event;
    const kept = this.kept.get(keyOf(watch, name));
    if (kind === IN.OPEN && kept && isSurelyUnwritten(kept.fd)) return undefined;
    const inode = kept?.inode ?? find();
    if (!inode || this.table.provenBy(inode) !== watch) return undefined;
    const reader = readerOf(inode);
    if (kind === IN.OPEN && reader !== undefined && isSurelyUnwritten(reader)) return undefined;
    this.table.setProvenBy(inode, undefined);
    return inode;
  }

  /** All events so far were read. */
  settle(): void {
    for (const { fd } of this.kept.values()) closeSync(fd);
    this.kept.clear();
  }
}

const keyOf = (watch: number, name: string): string => `${watch}/${name}`;

function readerOf({ open }: Inode): number | undefined {
  for (const { openFd, writes } of open?.files ?? [])
    if (!writes && openFd !== undefined) return openFd;
  return undefined;
}
