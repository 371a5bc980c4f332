import { Errno, errno } from '../sys/index.ts';
import type { HandleId } from './filesystem.ts';

/**
 * Open files or directories by number. Numbers are reused: there are never many at once. A list,
 * since a map that always has something added and removed is rebuilt all the time.
 */
export class HandleTable<T extends { close(): void }> {
  /** No handle is 0. */
  private readonly open: (T | undefined)[] = [undefined];
  private readonly free: HandleId[] = [];

  add(item: T): HandleId {
    const handle = this.free.pop() ?? this.open.length;
    this.open[handle] = item;
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
    item.close();
  }

  closeAll(): void {
    for (const [handle, item] of this.open.entries()) if (item) this.close(handle);
  }
}
