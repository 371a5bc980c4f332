import { closeSync, constants } from 'node:fs';
import { findRecordLock, setRecordLock } from '../../sys/record-lock.ts';
import type { RangeLock } from '../filesystem.ts';
import type { Inode } from './inode.ts';
import { reopen } from './live-file.ts';

const WHOLE_END = 0x7fffffffffffffffn;
const { O_RDONLY, O_RDWR, O_WRONLY, O_NONBLOCK } = constants;

/**
 * The record locks that programs hold on one file through the mount, kept on the real file: so
 * they also stand against programs in staging. Each owner has an open file of its own, since locks
 * belong to an open file and one open file never conflicts with itself.
 */
export class RecordLocks {
  private readonly inode: Inode;
  private readonly owners = new Map<bigint, number>();

  constructor(inode: Inode) {
    this.inode = inode;
  }

  find(owner: bigint, lock: RangeLock): RangeLock | undefined {
    const known = this.owners.has(owner);
    const found = findRecordLock(this.fileOf(owner), lock);
    if (!known) this.release(owner);
    return found && { ...found, pid: Math.max(found.pid, 0) };
  }

  /** Throws EAGAIN where somebody else's lock stands in the way. */
  set(owner: bigint, lock: RangeLock): void {
    if (lock.type === 'unlock') this.unlock(owner, lock);
    else setRecordLock(this.fileOf(owner), lock);
  }

  private unlock(owner: bigint, lock: RangeLock): void {
    const fd = this.owners.get(owner);
    if (fd === undefined) return;
    if (lock.start === 0n && lock.end >= WHOLE_END) this.release(owner);
    else setRecordLock(fd, lock);
  }

  /** All locks go, with the file's last open file. */
  close(): void {
    for (const fd of this.owners.values()) closeSync(fd);
    this.owners.clear();
  }

  private release(owner: bigint): void {
    const fd = this.owners.get(owner);
    if (fd === undefined) return;
    this.owners.delete(owner);
    closeSync(fd);
  }

  private fileOf(owner: bigint): number {
    const known = this.owners.get(owner);
    if (known !== undefined) return known;
    const fd = this.openOwn();
    this.owners.set(owner, fd);
    return fd;
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
