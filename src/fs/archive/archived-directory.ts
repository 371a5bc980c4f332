import type { IndexEntry, ListedName } from '../../store/seal/reader.ts';
import { DT } from '../../sys/index.ts';
import type { DirectoryEntry, Entry } from '../filesystem.ts';
import type { OpenDirectory } from '../room.ts';
import { direntType } from './archived-attr.ts';

const DOTS = 2;

/** How an archived directory is listed. */
export interface ArchivedListing {
  readonly ino: bigint;
  /** What is in it; from 0 its beginning, else from a `next`. */
  readonly list: (from: number) => Iterable<ListedName>;
  /** What lookup gives for an entry. */
  readonly found: (entry: IndexEntry) => Entry;
  readonly inoOf: (position: number) => bigint;
  /** Called when it is closed. */
  readonly release: () => void;
}

/**
 * A directory of an archive, opened for listing. Cookies: 1 and 2 come after `.` and `..`, a larger
 * one is 2 more than the place in the directory's part of the index; so nothing is remembered.
 */
export class ArchivedDirectory implements OpenDirectory {
  private readonly listing: ArchivedListing;

  constructor(listing: ArchivedListing) {
    this.listing = listing;
  }

  read(cookie: bigint, add: (entry: DirectoryEntry) => boolean): void {
    const from = Number(cookie);
    for (let at = from; at < DOTS; at++) if (!add(this.dot(at))) return;
    for (const { entry, next } of this.listing.list(Math.max(0, from - DOTS))) {
      if (!add(this.entryOf(entry, BigInt(next + DOTS)))) return;
    }
  }

  private entryOf(entry: ListedName['entry'], cookie: bigint): DirectoryEntry {
    const { name } = entry;
    const common = {
      name,
      ino: this.listing.inoOf(entry.position),
      type: direntType(entry),
      cookie,
    };
    if (!('mode' in entry)) return { ...common, isNameOnly: true };
    return { ...common, found: this.listing.found(entry) };
  }

  close(): void {
    this.listing.release();
  }

  private dot(at: number): DirectoryEntry {
    const name = Buffer.from('.'.repeat(at + 1));
    return { name, ino: this.listing.ino, type: DT.DIR, cookie: BigInt(at + 1) };
  }
}
