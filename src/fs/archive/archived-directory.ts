import type { IndexEntry } from '../../store/seal/reader.ts';
import { DT } from '../../sys/index.ts';
import type { DirectoryEntry, Entry } from '../filesystem.ts';
import type { OpenDirectory } from '../room.ts';
import { direntType } from './archived-attr.ts';

const DOTS = 2;

/**
 * A directory of an archive, opened for listing. Cookies: 1 and 2 come after `.` and `..`, a larger
 * one is 2 more than the place in the directory's part of the index; so nothing is remembered.
 */
export class ArchivedDirectory implements OpenDirectory {
  private readonly ino: bigint;
  private readonly list: (from: number) => Iterable<{ entry: IndexEntry; next: number }>;
  private readonly found: (entry: IndexEntry) => Entry;
  readonly close: () => void;

  constructor(
    ino: bigint,
    list: (from: number) => Iterable<{ entry: IndexEntry; next: number }>,
    found: (entry: IndexEntry) => Entry,
    release: () => void,
  ) {
    this.ino = ino;
    this.list = list;
    this.found = found;
    this.close = release;
  }

  read(cookie: bigint, add: (entry: DirectoryEntry) => boolean): void {
    const from = Number(cookie);
    for (let at = from; at < DOTS; at++) if (!add(this.dot(at))) return;
    for (const { entry, next } of this.list(Math.max(0, from - DOTS))) {
      const found = this.found(entry);
      const { ino } = found.attr;
      const cookieAfter = BigInt(next + DOTS);
      const type = direntType(entry);
      if (!add({ name: entry.name, ino, type, cookie: cookieAfter, found })) return;
    }
  }

  private dot(at: number): DirectoryEntry {
    const name = Buffer.from('.'.repeat(at + 1));
    return { name, ino: this.ino, type: DT.DIR, cookie: BigInt(at + 1) };
  }
}
