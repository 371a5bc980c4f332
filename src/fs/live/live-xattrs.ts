import { Errno, errno } from '../../errno.ts';
import { latin1Of } from '../../latin1.ts';
import { isOwnXattr, OWN_XATTR_PREFIX } from '../../store/index.ts';
import { getXattr, listXattr, removeXattr, setXattr } from '../../sys/index.ts';
import { statusXattrs } from '../status-xattrs.ts';
import type { TaskRecords } from '../task-records.ts';
import type { Inode } from './inode.ts';
import type { Resolver } from './resolver.ts';

/** Extended attributes of live files: those of the files beneath, and the task's status. */
export class LiveXattrs {
  private readonly resolver: Resolver;
  private readonly records: TaskRecords;

  constructor(resolver: Resolver, records: TaskRecords) {
    this.resolver = resolver;
    this.records = records;
  }

  get(inode: Inode, name: Uint8Array): Uint8Array {
    if (!isOwnXattr(name)) return this.resolver.with(inode, (fd) => getXattr(fd, name));
    return this.statusValue(inode, name);
  }

  list(inode: Inode): readonly Uint8Array[] {
    const own = this.resolver.with(inode, listXattr).filter((name) => !isOwnXattr(name));
    if (inode.parent) return own;
    const status = [...this.status(inode).keys()].map((key) => Buffer.from(OWN_XATTR_PREFIX + key));
    return [...own, ...status];
  }

  /** The task's status is accepted and dropped: copies that carry it along must not fail. */
  set(inode: Inode, name: Uint8Array, value: Uint8Array, flags: number): void {
    if (isOwnXattr(name)) return;
    this.resolver.with(inode, (fd) => setXattr(fd, name, value, flags));
  }

  remove(inode: Inode, name: Uint8Array): void {
    if (isOwnXattr(name)) {
      this.statusValue(inode, name);
      return;
    }
    this.resolver.with(inode, (fd) => removeXattr(fd, name));
  }

  /** Throws ENODATA where the task's status has nothing under this name. */
  private statusValue(inode: Inode, name: Uint8Array): Buffer {
    const key = latin1Of(name).slice(OWN_XATTR_PREFIX.length);
    const value = this.status(inode).get(key);
    if (value === undefined) throw Errno.of(errno.ENODATA);
    return Buffer.from(value);
  }

  private status(inode: Inode): ReadonlyMap<string, string> {
    const record = this.records.find(inode.task);
    return record ? statusXattrs(record, 'live') : new Map();
  }
}
