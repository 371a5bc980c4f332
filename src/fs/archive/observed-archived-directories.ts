import type { IndexEntry } from '../../archive/index.ts';
import { bytesOfLatin1, latin1Of } from '../../latin1.ts';
import type { Entry, NodeId, Place } from '../file-system.ts';
import { archiveNode, archivePlace, isArchive } from '../node-ids.ts';
import type { ArchiveCache } from './archive-cache.ts';
import { archivedEntry } from './archived-attr.ts';

/** Those that windows show; whoever watches whole trees is notified of the end of so many. */
const LIMIT = 256;

/** A name on the way from a task's directory to one in it, and what it stands for. */
interface Step extends Place {
  readonly name: Buffer;
  readonly entry: Entry;
}

/**
 * The directories in archives that somebody observes. Nothing changes in them, but they go with
 * their archive; where they were has to be known before that.
 */
export class ObservedArchivedDirectories {
  private readonly archives: ArchiveCache;
  /** The way to each; empty for what is no directory, or cannot be read. */
  private readonly ways = new Map<NodeId, readonly Step[]>();

  constructor(archives: ArchiveCache) {
    this.archives = archives;
  }

  /** Observes these nodes, as far as they are such directories, and no others. */
  set(nodes: readonly NodeId[]): void {
    const wanted = new Set(nodes.filter(isArchive));
    for (const node of this.ways.keys()) if (!wanted.has(node)) this.ways.delete(node);
    for (const node of wanted) {
      if (this.ways.size >= LIMIT) return;
      if (!this.ways.has(node)) this.ways.set(node, this.wayTo(node));
    }
  }

  private wayTo(node: NodeId): readonly Step[] {
    const { slot, position } = archivePlace(node);
    if (position === undefined) return [];
    try {
      const reader = this.archives.reader(slot);
      if (reader.entryAt(position).type !== 'directory') return [];
      const way: Step[] = [];
      let here: IndexEntry | undefined = reader.root();
      let directory = archiveNode(slot);
      for (const text of latin1Of(reader.pathTo(position)).split('/')) {
        const name = bytesOfLatin1(text);
        here = here && reader.lookup(here, name);
        if (!here) return [];
        const entry = archivedEntry(slot, here);
        way.push({ directory, name, entry });
        directory = entry.node;
      }
      return way;
    } catch {
      // Whoever reads there learns why.
      return [];
    }
  }

  /** Where those of an archive are, the deepest first. */
  ofSlot(slot: number): readonly Place[] {
    return [...this.ways]
      .filter(([node]) => archivePlace(node).slot === slot)
      .sort(([, one], [, two]) => two.length - one.length)
      .flatMap(([, way]) => way.slice(-1));
  }

  /** What a name on the way to one of them stands, or stood, for. */
  entryOf({ directory, name }: Place): Entry | undefined {
    const steps = [...this.ways.values()].flat();
    return steps.find((step) => step.directory === directory && step.name.equals(name))?.entry;
  }

  /** The path of such a directory from the top of its task, latin1. */
  pathOf(node: NodeId): string | undefined {
    for (const way of this.ways.values()) {
      const end = way.findIndex(({ entry }) => entry.node === node) + 1;
      const names = way.slice(0, end).map(({ name }) => latin1Of(name));
      if (end > 0) return names.join('/');
    }
    return undefined;
  }
}
