import { closeSync, constants } from 'node:fs';
import { findRecordLock, setRecordLock } from '../../sys/record-lock.ts';
import type { RangeLock } from '../filesystem.ts';
import { HeldRanges } from './held-ranges.ts';
import type { Inode } from './inode.ts';
import { reopen } from './live-file.ts';

const WHOLE_END = 0x7fffffffffffffffn;
const { O_RDONLY, O_RDWR, O_WRONLY, O_NONBLOCK } = constants;

interface Owner {
  readonly fd: number;
  readonly ranges: HeldRanges;
  /** Of the process that locked last for this owner. */
  pid: number;
}

/**
 * The record locks that programs hold on one file through the mount, kept on the real file: so
 * they also stand against programs in staging. Each owner has an open file of its own, since locks
 * belong to an open file and one open file never conflicts with itself.
 */
export class RecordLocks {
  private readonly inode: Inode;
  private readonly owners = new Map<bigint, Owner>();

  constructor(inode: Inode) {
    this.inode = inode;
  }

  find(owner: bigint, lock: RangeLock): RangeLock | undefined {
    const known = this.owners.has(owner);
    const found = findRecordLock(this.get(owner).fd, lock);
    if (!known) this.release(owner);
    if (!found) return undefined;
    const holder = this.owners.get(this.holder(owner, lock) ?? owner);
    // The kernel names processes in staging; ours are open files to it, which are nobody's.
    return { ...found, pid: found.pid > 0 || !holder ? Math.max(found.pid, 0) : holder.pid };
  }

  /** Which other owner's lock stands in the way of a lock, if it was taken through the mount. */
  holder(owner: bigint, lock: RangeLock): bigint | undefined {
    for (const [other, { ranges }] of this.owners) {
      if (other !== owner && ranges.standInTheWayOf(lock)) return other;
    }
    return undefined;
  }

  /** Throws EAGAIN where somebody else's lock stands in the way. */
  set(owner: bigint, lock: RangeLock): void {
    if (lock.type === 'unlock') {
      this.unlock(owner, lock);
      return;
    }
    const taker = this.get(owner);
    setRecordLock(taker.fd, lock);
    taker.ranges.set(lock);
    taker.pid = lock.pid;
  }

  private unlock(owner: bigint, lock: RangeLock): void {
    const known = this.owners.get(owner);
    if (!known) return;
    if (lock.start === 0n && lock.end >= WHOLE_END) {
      this.release(owner);
      return;
    }
    setRecordLock(known.fd, lock);
    known.ranges.set(lock);
  }

  /** All locks go, with the file's last open file. */
  close(): void {
    for (const { fd } of this.owners.values()) closeSync(fd);
    this.owners.clear();
  }

  private release(owner: bigint): void {
    const known = this.owners.get(owner);
    if (!known) return;
    this.owners.delete(owner);
    closeSync(known.fd);
  }

  private get(owner: bigint): Owner {
    const known = this.owners.get(owner);
    if (known) return known;
    const made: Owner = { fd: this.openOwn(), ranges: new HeldRanges(), pid: 0 };
    this.owners.set(owner, made);
    return made;
  }

  // Read locks want a file open for reading, write locks one for writing: as much as can be had.
  private openOwn(): number {
    const [file] = this.inode.open?.files ?? [];
    if (!file) throw new Error('a lock without an open file');
    for (const access of [O_RDWR, O_RDONLY]) {
      try {
        return reopen(file.fd, access | O_NONBLOCK);
      } catch {}
    }
    return reopen(file.fd, O_WRONLY | O_NONBLOCK);
  }
}
