import { unlessRefused } from '../../errno.ts';
import type { Store } from '../../store/index.ts';
import type { Change, Entry, FileEvent, NodeId, Observation, Place } from '../file-system.ts';
import { StoreWatches } from '../store-watches.ts';
import { TaskListEvents } from '../task-list-events.ts';
import type { ArchiveTree } from './archive-subtree.ts';

/**
 * Which archives come and go, on a connection that shows nothing else. What is in them never
 * changes: whoever watches something there, if anything, hears of its removal.
 */
export class ArchiveObservation implements Observation {
  private readonly archive: ArchiveTree;
  /** Undefined where the user's inotify instances are used up: then nothing is told. */
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
  }

  get fd(): number | undefined {
    return this.watches?.fd;
  }

  takeChanges(): readonly Change[] {
    this.watches?.take();
    return this.lists?.takeChanges() ?? [];
  }

  takeEvents(): readonly FileEvent[] {
    return this.lists?.take() ?? [];
  }

  formerly(place: Place): Entry | undefined {
    return this.archive.formerly(place);
  }

  pathOf(node: NodeId): Uint8Array | undefined {
    const path = this.archive.pathOf(node);
    return path === undefined ? undefined : Buffer.from(path);
  }

  close(): void {
    this.watches?.close();
  }
}
