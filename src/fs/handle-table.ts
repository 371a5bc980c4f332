import { Errno, errno } from '../errno.ts';
import type { DescriptorQuota } from './descriptor-quota.ts';
import type { Caller, HandleId } from './file-system.ts';

/** What the handles of open files or directories stand for. */
export interface Handles<T> {
  /** Throws EMFILE where a caller may open no more; to be called before something is opened. */
  assertFree(caller: Caller): void;
  /** Adds what a caller opened. */
  add(item: T, caller: Caller): HandleId;
  /** Throws EBADF where nothing is open under this number. */
  get(handle: HandleId): T;
  close(handle: HandleId): void;
  closeAll(): void;
}

/**
 * Open files or directories by number. Numbers are reused: there are never many at once. A list,
 * since a map that always has something added and removed is rebuilt all the time.
 */
export class HandleTable<T extends { close(): void }> implements Handles<T> {
  /** No handle is 0. */
  private readonly open: (T | undefined)[] = [undefined];
  private readonly openers: (Caller | undefined)[] = [undefined];
  private readonly free: HandleId[] = [];
  private readonly quota: DescriptorQuota;

  constructor(quota: DescriptorQuota) {
    this.quota = quota;
    quota.follow(this.openers);
  }

  assertFree(caller: Caller): void {
    this.quota.assertFree(caller);
  }

  add(item: T, caller: Caller): HandleId {
    const handle = this.free.pop() ?? this.open.length;
    this.open[handle] = item;
    this.openers[handle] = caller;
    this.quota.count(caller, 1);
    return handle;
  }

  get(handle: HandleId): T {
    const item = this.open[handle];
    if (item === undefined) throw Errno.of(errno.EBADF);
    return item;
  }

  close(handle: HandleId): void {
    const item = this.get(handle);
    const opener = this.openers[handle];
    if (opener) this.quota.count(opener, -1);
    this.open[handle] = undefined;
    this.openers[handle] = undefined;
    this.free.push(handle);
    item.close();
  }

  closeAll(): void {
    for (const [handle, item] of this.open.entries()) if (item) this.close(handle);
  }
}
