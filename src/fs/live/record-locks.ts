import { closeSync, constants } from 'node:fs';
import { Errno, errno } from '../../errno.ts';
import { findRecordLock, reopen, setRecordLock } from '../../sys/index.ts';
import type { RangeLock } from '../file-system.ts';

const WHOLE_END = 0x7fffffffffffffffn;
const { O_RDONLY, O_RDWR, O_NONBLOCK } = constants;

/** An open file of a program: a descriptor of the real file. */
export interface OpenDescriptor {
  /** Where it was not opened yet, it is now. Throws Errno where it cannot be. */
  readonly fd: number;
  /** The same, unless it is yet to be opened. */
  readonly openFd: number | undefined;
  /** The same, or what pins it (O_PATH) until then. */
  readonly pathFd: number;
  readonly writes: boolean;
}

/** What counts the descriptors that locks take. */
export interface LockDescriptors {
  /** Takes one, unless few are left. */
  takeForLocks(): boolean;
  releaseForLocks(): void;
}

interface Owner {
  readonly fd: number;
  /** It is that of the program's own open file, which others may share. */
  readonly isBorrowed: boolean;
  readonly ranges: HeldRanges;
  /** Of the process that locked last for this owner. */
  pid: number;
}

/**
 * The record locks that programs hold on one file through the mount, kept on the real file: so
 * they also stand against programs in staging. Each owner has an open file of its own, since locks
 * belong to an open file and one open file never conflicts with itself. Where the file's mode lets
 * it not be opened once more, or few descriptors are left, they are kept on the open file that they
 * were asked of, and what stands between its owners (after a fork) is known from what is kept here.
 */
export class RecordLocks {
  private readonly owners = new Map<bigint, Owner>();
  private readonly descriptors: LockDescriptors;

  constructor(descriptors: LockDescriptors) {
    this.descriptors = descriptors;
  }

  /** `file`: the open file that is asked, as in all that follows. */
  find(owner: bigint, lock: RangeLock, file: OpenDescriptor): RangeLock | undefined {
    const known = this.owners.has(owner);
    const { fd } = this.get(owner, file);
    const found = findRecordLock(fd, lock);
    if (!known) this.release(owner);
    const other = this.holder(owner, lock);
    const holder = other === undefined ? undefined : this.owners.get(other);
    if (!found) {
      const held = holder?.ranges.inTheWayOf(lock);
      return held && { ...held, pid: holder?.pid ?? 0 };
    }
    // The kernel names processes in staging; ours are open files to it, which are nobody's.
    return { ...found, pid: found.pid > 0 || !holder ? Math.max(found.pid, 0) : holder.pid };
  }

  /** Which other owner's lock stands in the way of a lock, if it was taken through the mount. */
  holder(owner: bigint, lock: RangeLock): bigint | undefined {
    for (const [other, { ranges }] of this.owners) {
      if (other !== owner && ranges.inTheWayOf(lock)) return other;
    }
    return undefined;
  }

  /** Throws EAGAIN where somebody else's lock stands in the way. */
  set(owner: bigint, lock: RangeLock, file: OpenDescriptor): void {
    if (lock.type === 'unlock') {
      this.unlock(owner, lock);
      return;
    }
    const taker = this.get(owner, file);
    if (taker.isBorrowed && this.holder(owner, lock) !== undefined) throw Errno.of(errno.EAGAIN);
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
    this.drop(known, lock);
    known.ranges.set(lock);
  }

  /** Drops what an owner held of a range, which others of the same open file may hold as well. */
  private drop(owner: Owner, range: Pick<RangeLock, 'start' | 'end'>): void {
    const dropped = { ...range, type: 'unlock' } as const;
    if (owner.ranges.within(dropped).length === 0) return;
    setRecordLock(owner.fd, dropped);
    if (!owner.isBorrowed) return;
    for (const other of this.owners.values()) {
      if (other === owner || other.fd !== owner.fd) continue;
      for (const held of other.ranges.within(dropped)) setRecordLock(other.fd, held);
    }
  }

  /** An open file is about to be closed: locks that were kept on it go. */
  giveBack(file: OpenDescriptor): void {
    for (const [owner, { fd, isBorrowed }] of this.owners) {
      if (isBorrowed && fd === file.openFd) this.release(owner);
    }
  }

  /** All locks go, with the file's last open file. */
  close(): void {
    for (const owner of this.owners.keys()) this.release(owner);
  }

  private release(owner: bigint): void {
    const known = this.owners.get(owner);
    if (!known) return;
    this.owners.delete(owner);
    if (known.isBorrowed) {
      this.drop(known, { start: 0n, end: WHOLE_END });
      return;
    }
    closeSync(known.fd);
    this.descriptors.releaseForLocks();
  }

  private get(owner: bigint, file: OpenDescriptor): Owner {
    const known = this.owners.get(owner);
    if (known) return known;
    const own = this.openOwn(file);
    const fd = own ?? file.fd;
    const made = { fd, isBorrowed: own === undefined, ranges: new HeldRanges(), pid: 0 };
    this.owners.set(owner, made);
    return made;
  }

  private openOwn(file: OpenDescriptor): number | undefined {
    if (!this.descriptors.takeForLocks()) return undefined;
    const fd = openOwn(file);
    if (fd === undefined) this.descriptors.releaseForLocks();
    return fd;
  }
}

/**
 * Read locks want a file open for reading, write locks one for writing: both, or as the file is
 * open.
 */
function openOwn(file: OpenDescriptor): number | undefined {
  for (const access of file.writes ? [O_RDWR] : [O_RDWR, O_RDONLY]) {
    try {
      return reopen(file.fd, access | O_NONBLOCK);
    } catch {}
  }
  return undefined;
}

type Range = Pick<RangeLock, 'type' | 'start' | 'end'>;

/**
 * What one owner has locked of a file. The kernel keeps the locks; it does not tell whose they
 * are.
 */
class HeldRanges {
  private ranges: readonly Range[] = [];

  /** Notes a lock that was had or dropped: it replaces what was held of the same bytes. */
  set({ type, start, end }: Range): void {
    const kept = this.ranges.flatMap((held) => outside(held, start, end));
    this.ranges = type === 'unlock' ? kept : [...kept, { type, start, end }];
  }

  /** What of it another owner's `lock` would have to wait for. */
  inTheWayOf(lock: Range): Range | undefined {
    return this.within(lock).find((held) => held.type === 'write' || lock.type === 'write');
  }

  /** What is held of the bytes of a range, or beyond them. */
  within({ start, end }: Range): readonly Range[] {
    return this.ranges.filter((held) => held.start <= end && start <= held.end);
  }
}

/** What is left of a range without the bytes from `start` to `end`. */
function outside(held: Range, start: bigint, end: bigint): readonly Range[] {
  if (held.end < start || end < held.start) return [held];
  const before = held.start < start ? [{ ...held, end: start - 1n }] : [];
  const after = end < held.end ? [{ ...held, start: end + 1n }] : [];
  return [...before, ...after];
}
