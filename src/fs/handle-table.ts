import { Errno, errno } from '../errno.ts';
import type { DescriptorQuota } from './descriptor-quota.ts';
import type { HandleId } from './file-system.ts';

/** What the handles of open files or directories stand for. */
export interface Handles<T> {
  /** Throws EMFILE where a user may open nothing more; to be called before something is opened. */
  assertFree(uid: number): void;
  /** Adds what a user opened. */
  add(item: T, uid: number): HandleId;
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
  private readonly owners: number[] = [0];
  private readonly free: HandleId[] = [];
  private readonly quota: DescriptorQuota;

  constructor(quota: DescriptorQuota) {
    this.quota = quota;
  }

  assertFree(uid: number): void {
    this.quota.assertFree(uid);
  }

  add(item: T, uid: number): HandleId {
    const handle = this.free.pop() ?? this.open.length;
    this.open[handle] = item;
    this.owners[handle] = uid;
    this.quota.take(uid);
    return handle;
  }

  get(handle: HandleId): T {
    const item = this.open[handle];
    if (item === undefined) throw Errno.of(errno.EBADF);
    return item;
  }

  close(handle: HandleId): void {
    const item = this.get(handle);
    this.open[handle] = undefined;
    this.free.push(handle);
    this.quota.release(this.owners[handle] ?? 0);
    item.close();
  }

  closeAll(): void {
    for (const [handle, item] of this.open.entries()) if (item) this.close(handle);
  }
}
