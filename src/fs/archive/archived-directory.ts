import type { ArchiveReader, IndexEntry } from '../../store/seal/reader.ts';
import { DT } from '../../sys/index.ts';
import type { DirectoryEntry, NodeId } from '../filesystem.ts';
import { archivedNode, inoOf } from '../node-ids.ts';
import type { OpenDirectory } from '../room.ts';
import { direntType } from './archived-attr.ts';

const DOTS = 2;

/**
 * A directory of an archive, opened for listing. Cookies: 1 and 2 come after `.` and `..`, a larger
 * one is 2 more than the place in the directory's part of the index; so nothing is remembered.
 */
export class ArchivedDirectory implements OpenDirectory {
  private readonly node: NodeId;
  private readonly slot: number;
  private readonly reader: ArchiveReader;
  private readonly entry: IndexEntry;
  readonly close: () => void;

  constructor(
    node: NodeId,
    slot: number,
    reader: ArchiveReader,
    entry: IndexEntry,
    release: () => void,
  ) {
    this.node = node;
    this.slot = slot;
    this.reader = reader;
    this.entry = entry;
    this.close = release;
  }

  read(cookie: bigint, add: (entry: DirectoryEntry) => boolean): void {
    const from = Number(cookie);
    for (let at = from; at < DOTS; at++) if (!add(this.dot(at))) return;
    const list = this.reader.list(this.entry, Math.max(0, from - DOTS));
    for (const { entry, next } of list) {
      const { name, position } = entry;
      const ino = inoOf(archivedNode(this.slot, position));
      if (!add({ name, ino, type: direntType(entry), cookie: BigInt(next + DOTS) })) return;
    }
  }

  private dot(at: number): DirectoryEntry {
    const name = Buffer.from('.'.repeat(at + 1));
    return { name, ino: inoOf(this.node), type: DT.DIR, cookie: BigInt(at + 1) };
  }
}
