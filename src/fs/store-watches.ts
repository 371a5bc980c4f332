import { IN, Inotify, type InotifyEvent } from '../sys/index.ts';
import type { PathWatcher } from './task-list-events.ts';

/** Watches on directories of the store, for a file system that has no others. */
export class StoreWatches implements PathWatcher {
  private readonly inotify = new Inotify();
  private readonly observers = new Map<number, (event: InotifyEvent) => void>();

  /** Readable when `take` has something to report. */
  get fd(): number {
    return this.inotify.fd;
  }

  observePath(path: string, mask: number, observer: (event: InotifyEvent) => void): number {
    const id = this.inotify.add(path, mask);
    this.observers.set(id, observer);
    return id;
  }

  unobservePath(id: number): void {
    this.observers.delete(id);
    this.inotify.remove(id);
  }

  /** Tells the observers what happened since the last call. */
  take(): void {
    for (const event of this.inotify.take()) {
      if (event.mask & IN.Q_OVERFLOW)
        for (const observer of this.observers.values()) observer(event);
      else this.observers.get(event.watch)?.(event);
    }
  }

  close(): void {
    this.inotify.close();
  }
}
