import { join } from 'node:path';
import { type Chunks, type DecryptedFile, openDecrypted } from '../age/index.ts';
import { TaskfsError } from '../errors.ts';
import type { Extent } from '../tar/index.ts';
import { bytesBefore, firstEndingAfter } from '../tar/index.ts';
import type { IndexEntry } from './index/entry.ts';
import { type EntryVisitor, IndexReader } from './index/reader.ts';
import { FILES } from './paths.ts';
import type { FileKeys } from './unlock.ts';

/**
 * A sealed archive, open for reading. Synchronous; nothing is loaded whole, and nothing is kept
 * per entry: a position is all that finds one again. Every method throws TaskfsError `damaged`,
 * naming file and offset, where what it needs is not what was sealed.
 */
export interface ArchiveReader {
  /** The top of the tree; its name is empty. */
  root(): IndexEntry;
  /** The entry at the `position` of one. */
  entryAt(position: number): IndexEntry;
  lookup(directory: IndexEntry, name: Uint8Array): IndexEntry | undefined;
  /** The raw path, from the top, of the entry at a position. */
  pathTo(position: number): Buffer;
  /** What is in a directory, sorted by raw name; from 0 its beginning, else from a `next`. */
  list(directory: IndexEntry, from: number): Iterable<{ entry: IndexEntry; next: number }>;
  /**
   * The same by calls, with a `next` for each: many times faster, above all without attributes.
   */
  scan(directory: IndexEntry, from: number, withAttributes: boolean, visitor: EntryVisitor): void;
  /**
   * Fills `into` from an offset of a file; holes read as zeros. Returns how many bytes there were.
   */
  read(file: IndexEntry, into: Uint8Array, offset: number): number;
  /** Bytes that the task printed. */
  logSize(): number;
  readLog(into: Uint8Array, offset: number): number;
  close(): void;
}

/**
 * Opens the archive in a directory with its unlocked keys; `chunks` is what it shares with other
 * open archives. Throws `damaged`, `failed`.
 */
export function openArchive(
  archiveDirectory: string,
  keys: FileKeys,
  chunks?: Chunks,
): ArchiveReader {
  const open = lazily((name: keyof FileKeys) =>
    openDecrypted(join(archiveDirectory, FILES[name]), keys[name], chunks),
  );
  const index = new IndexReader(open.file('index'));
  return {
    root: () => index.root(),
    entryAt: (position) => index.entryAt(position),
    lookup: (directory, name) => index.find(sectionOf(directory), name),
    pathTo: (position) => index.pathTo(position),
    list: (directory, from) => listSection(index, sectionOf(directory), from),
    scan: (directory, from, withAttributes, visitor) =>
      scanSection(index, sectionOf(directory), from, withAttributes, visitor),
    read: (file, into, offset) => readContent(open.file('artifacts'), file, into, offset),
    logSize: () => open.file('log').size,
    readLog: (into, offset) => open.file('log').read(into, offset),
    close: open.close,
  };
}

/**
 * Opens each file when it is first needed: a damaged one does not keep the others from being read.
 */
function lazily(open: (name: keyof FileKeys) => DecryptedFile) {
  const files = new Map<keyof FileKeys, DecryptedFile>();
  return {
    file(name: keyof FileKeys): DecryptedFile {
      const known = files.get(name);
      if (known) return known;
      const opened = open(name);
      files.set(name, opened);
      return opened;
    },
    close(): void {
      for (const file of files.values()) file.close();
      files.clear();
    },
  };
}

function sectionOf(directory: IndexEntry): Extent {
  if (directory.section) return directory.section;
  throw new TaskfsError(
    'damaged',
    `the index's entry at byte ${directory.position} is no directory`,
  );
}

function* listSection(index: IndexReader, section: Extent, from: number) {
  const end = section.start + section.length;
  let before: Buffer | undefined;
  for (let at = section.start + from; at < end; ) {
    const { decoded, next } = index.line(at);
    const entry = index.resolve(decoded, at);
    // Two of one name could not both be found, nor be made again.
    if (before && Buffer.compare(before, entry.name) >= 0) throw unsorted(at);
    before = entry.name;
    at = next;
    yield { entry, next: next - section.start };
  }
}

const unsorted = (position: number): TaskfsError =>
  new TaskfsError('damaged', `the index is not in order, or has a name twice, at byte ${position}`);

function scanSection(
  index: IndexReader,
  { start, length }: Extent,
  from: number,
  withAttributes: boolean,
  visitor: EntryVisitor,
): void {
  index.scan(start + from, start + length, withAttributes, {
    file: (bytes, file, position, next) => visitor.file(bytes, file, position, next - start),
    entry: (entry, next) => visitor.entry(entry, next - start),
  });
}

function readContent(
  tar: DecryptedFile,
  file: IndexEntry,
  into: Uint8Array,
  offset: number,
): number {
  const length = Math.max(0, Math.min(into.length, file.size - offset));
  const wanted = into.subarray(0, length);
  const start = file.offset ?? 0;
  if (!file.extents) return readExactly(tar, wanted, start + offset);
  wanted.fill(0);
  const before = bytesBefore(file.extents);
  for (let number = firstEndingAfter(file.extents, offset); ; number++) {
    const extent = file.extents[number];
    if (!extent || extent.start >= offset + length) return length;
    const from = Math.max(extent.start, offset);
    const to = Math.min(extent.start + extent.length, offset + length);
    const stored = start + (before[number] ?? 0) + from - extent.start;
    readExactly(tar, wanted.subarray(from - offset, to - offset), stored);
  }
}

function readExactly(tar: DecryptedFile, into: Uint8Array, offset: number): number {
  const got = tar.read(into, offset);
  if (got === into.length) return got;
  throw new TaskfsError(
    'damaged',
    `artifacts.tar.enc is truncated: its tar ends before byte ${offset + into.length}`,
  );
}
