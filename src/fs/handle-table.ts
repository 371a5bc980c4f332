import { Errno, errno } from '../errno.ts';
import type { OpenShares } from './descriptor-quota.ts';
import type { HandleId } from './file-system.ts';

/**
 * Open files or directories by number. Numbers are reused: there are never many at once. A list,
 * since a map that always has something added and removed is rebuilt all the time.
 */
export class HandleTable<T extends { close(): void }> {
  /** No handle is 0. */
  private readonly open: (T | undefined)[] = [undefined];
  private readonly owners: number[] = [0];
  private readonly free: HandleId[] = [];
  private readonly shares: OpenShares;

  /** `shares` is asked before something is opened, and counts it here. */
  constructor(shares: OpenShares) {
    this.shares = shares;
  }

  /** Adds what a user opened. */
  add(item: T, uid: number): HandleId {
    const handle = this.free.pop() ?? this.open.length;
    this.open[handle] = item;
    this.owners[handle] = uid;
    this.shares.take(uid);
    return handle;
  }

  /** Throws EBADF where nothing is open under this number. */
  get(handle: HandleId): T {
    const item = this.open[handle];
    if (item === undefined) throw Errno.of(errno.EBADF);
    return item;
  }

  close(handle: HandleId): void {
    const item = this.get(handle);
    this.open[handle] = undefined;
    this.free.push(handle);
    this.shares.giveBack(this.owners[handle] ?? 0);
    item.close();
  }

  closeAll(): void {
    for (const [handle, item] of this.open.entries()) if (item) this.close(handle);
  }
}
