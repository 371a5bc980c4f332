import { Errno, errno } from '../sys/index.ts';
import type { HandleId } from './filesystem.ts';

/** Open files or directories by number. Numbers are reused: there are never many at once. */
export class HandleTable<T extends { close(): void }> {
  private readonly open = new Map<HandleId, T>();
  private readonly free: HandleId[] = [];

  add(item: T): HandleId {
    const handle = this.free.pop() ?? this.open.size + 1;
    this.open.set(handle, item);
    return handle;
  }

  /** Throws EBADF where nothing is open under this number. */
  get(handle: HandleId): T {
    const item = this.open.get(handle);
    if (item === undefined) throw Errno.of(errno.EBADF);
    return item;
  }

  close(handle: HandleId): void {
    const item = this.get(handle);
    this.open.delete(handle);
    this.free.push(handle);
    item.close();
  }

  closeAll(): void {
    for (const handle of [...this.open.keys()]) this.close(handle);
  }
}
