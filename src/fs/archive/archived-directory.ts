import type { EntryVisitor, IndexEntry } from '../../archive/index.ts';
import { DT } from '../../sys/index.ts';
import type { DirectoryEntry, Entry, NodeId, PlainEntry } from '../file-system.ts';
import { inoHighOf, inoLowOf, inoOf } from '../node-ids.ts';
import type { OpenDirectory } from '../subtree.ts';
import { addDots, DOTS } from '../virtual-directory.ts';
import { direntType, PlainAttr } from './archived-attr.ts';

/** How an archived directory is listed. */
export interface ArchivedListing {
  readonly ino: bigint;
  /** What is in it; from 0 its beginning, else from a `next`. */
  readonly list: (from: number) => Iterable<{ entry: IndexEntry; next: number }>;
  readonly scan: (from: number, withAttributes: boolean, visitor: EntryVisitor) => void;
  /** Whether files are listed by name alone. */
  readonly isByName: () => boolean;
  readonly nodeOf: (position: number) => NodeId;
  /** What lookup gives for an entry. */
  readonly found: (entry: IndexEntry) => Entry;
  /** Called when it is closed. */
  readonly release: () => void;
}

/**
 * A directory of an archive, opened for listing. Cookies: 1 and 2 come after `.` and `..`, a
 * larger one is 2 more than the place in the directory's part of the index; so nothing is
 * remembered.
 */
export class ArchivedDirectory implements OpenDirectory {
  private readonly listing: ArchivedListing;

  constructor(listing: ArchivedListing) {
    this.listing = listing;
  }

  readdir(
    cookie: bigint,
    add: (entry: DirectoryEntry) => boolean,
    addPlain?: (entry: PlainEntry) => boolean,
  ): void {
    const from = Number(cookie);
    if (!addDots(this.listing.ino, from, add)) return;
    const start = Math.max(0, from - DOTS);
    if (addPlain) {
      this.scan(start, add, addPlain);
      return;
    }
    for (const { entry, next } of this.listing.list(start)) {
      if (!add(this.entryOf(entry, next))) return;
    }
  }

  private scan(
    start: number,
    add: (entry: DirectoryEntry) => boolean,
    addPlain: (entry: PlainEntry) => boolean,
  ): void {
    const { scan, isByName, nodeOf } = this.listing;
    const attributes = isByName() ? undefined : new PlainAttr();
    const plain: PlainEntry = {
      bytes: new Uint8Array(),
      from: 0,
      to: 0,
      inoHigh: 0,
      inoLow: 0,
      type: DT.REG,
      cookie: 0,
      attributes,
    };
    scan(start, attributes !== undefined, {
      file: (bytes, file, position, next) => {
        const node = nodeOf(position);
        plain.bytes = bytes;
        plain.from = file.from;
        plain.to = file.to;
        plain.inoHigh = inoHighOf(node);
        plain.inoLow = inoLowOf(node);
        plain.cookie = next + DOTS;
        if (attributes && 'mode' in file) attributes.set(node, file);
        return addPlain(plain);
      },
      entry: (entry, next) => add(this.entryOf(entry, next)),
    });
  }

  private entryOf(entry: IndexEntry, next: number): DirectoryEntry {
    const { nodeOf, found } = this.listing;
    return {
      name: entry.name,
      ino: inoOf(nodeOf(entry.position)),
      type: direntType(entry),
      cookie: BigInt(next + DOTS),
      found: found(entry),
    };
  }

  close(): void {
    this.listing.release();
  }
}
