import { unlessRefused } from '../../errno.ts';
import { bytesOfLatin1 } from '../../latin1.ts';
import type { Store } from '../../store/index.ts';
import { IN, Inotify, type InotifyEvent } from '../../sys/index.ts';
import type { Change, Entry, FileEvent, NodeId, Observation, Place } from '../file-system.ts';
import { type PathWatcher, TaskListEvents } from '../task-list-events.ts';
import type { ArchiveTree } from './archive-subtree.ts';

/**
 * Which archives come and go, on a connection that shows nothing else. What is in them never
 * changes: whoever watches a directory there is notified of its removal.
 */
export class ArchiveObservation implements Observation {
  private readonly archive: ArchiveTree;
  /** Undefined where the user's inotify instances are used up: then nothing is reported. */
  private readonly watches = unlessRefused(() => new StoreWatches());
  private readonly lists: TaskListEvents | undefined;

  constructor(store: Store, archive: ArchiveTree) {
    this.archive = archive;
    const listAt = (node: NodeId) => archive.listAt(node);
    // What is sealed keeps its status.
    this.lists = this.watches && new TaskListEvents(store, this.watches, listAt, false);
  }

  observe(nodes: readonly NodeId[]): void {
    this.lists?.observe(new Set(nodes.map((node) => this.archive.listNodeOf(node))));
    this.archive.observe(nodes);
  }

  get fd(): number | undefined {
    return this.watches?.fd;
  }

  takeChanges(): readonly Change[] {
    this.watches?.take();
    return this.lists?.takeChanges() ?? [];
  }

  takeEvents(): readonly FileEvent[] {
    const ofTasks = this.lists?.take() ?? [];
    return [...ofTasks.flatMap((event) => this.archive.endedBy(event)), ...ofTasks];
  }

  formerEntry(place: Place): Entry | undefined {
    return this.archive.formerEntry(place);
  }

  pathOf(node: NodeId): Uint8Array | undefined {
    const path = this.archive.pathOf(node);
    return path === undefined ? undefined : bytesOfLatin1(path);
  }

  close(): void {
    this.watches?.close();
  }
}

/** Watches on directories of the store, for a file system that has no others. */
class StoreWatches implements PathWatcher {
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
