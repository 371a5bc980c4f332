import { Errno, errno, getXattr, listXattr, removeXattr, setXattr } from '../../sys/index.ts';
import { isStatusXattr, STATUS_PREFIX, statusXattrs } from '../status-xattrs.ts';
import type { TaskRecords } from '../task-records.ts';
import type { Inode } from './inode.ts';
import type { Resolver } from './resolver.ts';

/** Extended attributes of live files: those of the files beneath, and what the record tells. */
export class LiveXattrs {
  private readonly resolver: Resolver;
  private readonly records: TaskRecords;

  constructor(resolver: Resolver, records: TaskRecords) {
    this.resolver = resolver;
    this.records = records;
  }

  get(inode: Inode, name: Uint8Array): Uint8Array {
    if (!isStatusXattr(name)) return this.resolver.with(inode, (fd) => getXattr(fd, name));
    const key = Buffer.from(name).toString('latin1').slice(STATUS_PREFIX.length);
    const value = this.status(inode).get(key);
    if (value === undefined) throw Errno.of(errno.ENODATA);
    return Buffer.from(value);
  }

  list(inode: Inode): readonly Uint8Array[] {
    const own = this.resolver.with(inode, listXattr);
    if (inode.parent) return own;
    const status = [...this.status(inode).keys()].map((key) => Buffer.from(STATUS_PREFIX + key));
    return [...own, ...status];
  }

  set(inode: Inode, name: Uint8Array, value: Uint8Array, flags: number): void {
    if (isStatusXattr(name)) throw Errno.of(errno.EPERM);
    this.resolver.with(inode, (fd) => setXattr(fd, name, value, flags));
  }

  remove(inode: Inode, name: Uint8Array): void {
    if (isStatusXattr(name)) throw Errno.of(errno.EPERM);
    this.resolver.with(inode, (fd) => removeXattr(fd, name));
  }

  private status(inode: Inode): ReadonlyMap<string, string> {
    const record = this.records.find(inode.task);
    return record ? statusXattrs(record, 'live') : new Map();
  }
}
