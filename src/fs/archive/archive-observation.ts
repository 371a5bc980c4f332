import { unlessRefused } from '../../errno.ts';
import type { Store } from '../../store/index.ts';
import {
  type Change,
  type Entry,
  type FileEvent,
  type NodeId,
  type Observation,
  type Place,
  ROOT,
} from '../file-system.ts';
import { StoreWatches } from '../store-watches.ts';
import { directoriesOf, TaskListEvents } from '../task-list-events.ts';
import type { ArchiveSubtree } from './archive-subtree.ts';

/**
 * Which archives come and go, on a connection that shows nothing else. What is in them never
 * changes: whoever watches something there, if anything, hears of its removal.
 */
export class ArchiveObservation implements Observation {
  private readonly archive: ArchiveSubtree;
  /** Undefined where the user's inotify instances are used up: then nothing is told. */
  private readonly watches = unlessRefused(() => new StoreWatches());
  private readonly lists: TaskListEvents | undefined;

  constructor(store: Store, archive: ArchiveSubtree) {
    this.archive = archive;
    const list = directoriesOf(ROOT, () => archive.names());
    this.lists = this.watches && new TaskListEvents(store, this.watches, [list]);
  }

  observe(nodes: readonly NodeId[]): void {
    this.lists?.observe(new Set(nodes.length > 0 ? [ROOT] : []));
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
    return node === ROOT ? Buffer.from('.') : undefined;
  }

  close(): void {
    this.watches?.close();
  }
}
