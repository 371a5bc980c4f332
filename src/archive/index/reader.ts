import type { DecryptedFile } from '../../age/index.ts';
import type { Extent } from '../../tar/index.ts';
import { type DecodedLine, decodeLine, noEntryAt } from './codec.ts';
import type { IndexEntry } from './entry.ts';
import { type FileLine, type FileName, fileAt, fileNameAt } from './line-scanner.ts';

const NEWLINE = 0x0a;
/** Bytes read first for a line; twice as many each time for longer ones. */
const LINE = 512;
const MAX_LINE = 64 * 1024 * 1024;

/**
 * What `scan` calls with what it finds; `next` is where the next line begins. Both return whether
 * to continue.
 */
export interface EntryVisitor {
  /** An ordinary file, with its name in `bytes`. Both are valid until the call returns. */
  file(bytes: Uint8Array, file: ListedFile, position: number, next: number): boolean;
  entry(entry: IndexEntry, next: number): boolean;
}

/** An ordinary file: its name, and its attributes if they were asked for. */
type ListedFile = FileName | FileLine;

/**
 * Reads the index: one JSON line per name, the lines of a directory next to each other and sorted
 * by raw name, the top's own line last. Only the lines that are asked for are read.
 */
export class IndexReader {
  private readonly file: DecryptedFile;

  constructor(file: DecryptedFile) {
    this.file = file;
  }

  /** The top of the tree: the last line. */
  root(): IndexEntry {
    const { size } = this.file;
    const top = this.entryAt(this.lineStart(size - 1, 0));
    if (top.type !== 'directory' || top.name.length > 0) throw noEntryAt(top.position);
    return top;
  }

  /** The entry whose line begins at `position`. Throws `damaged`. */
  entryAt(position: number): IndexEntry {
    const { decoded } = this.line(position);
    if ('link' in decoded) throw noEntryAt(position);
    return decoded;
  }

  /** The line at `position` and where the next one begins. */
  line(position: number): { readonly decoded: DecodedLine; readonly next: number } {
    const text = this.text(position);
    return { decoded: decodeLine(text, position), next: position + text.length + 1 };
  }

  /**
   * Scans the lines from `position` to `end`. Ordinary files are read in place, without an object
   * for each; without `withAttributes` only their names. Ends early when the visitor returns
   * false.
   */
  scan(position: number, end: number, withAttributes: boolean, visitor: EntryVisitor): void {
    for (let at = position; at < end; ) {
      const here = this.file.peek(at);
      const length = Math.min(here.length, end - at);
      let line = 0;
      while (line < length) {
        const file = withAttributes ? fileAt(here, line) : fileNameAt(here, line);
        if (!file) break;
        const begin = at + line;
        line = file.next;
        if (!visitor.file(here, file, begin, at + line)) return;
      }
      at += line;
      if (line >= length) continue;
      // Not an ordinary file's, or one that continues in the next chunk.
      const { decoded, next } = this.line(at);
      if (!visitor.entry(this.resolve(decoded, at), next)) return;
      at = next;
    }
  }

  /** The entry of a line in a directory's section; for a hard link, its file. Throws `damaged`. */
  resolve(line: DecodedLine, position: number): IndexEntry {
    // Only the top has no name, and it is in no section.
    if (line.name.length === 0) throw noEntryAt(position);
    if (!('link' in line)) return line;
    const first = this.entryAt(line.link);
    if (first.type === 'directory' || first.name.length === 0) throw noEntryAt(position);
    return { ...first, name: line.name };
  }

  /** Finds a name in a directory's section by bisection. */
  find(section: Extent, name: Uint8Array): IndexEntry | undefined {
    let low = section.start;
    let high = section.start + section.length;
    while (low < high) {
      const start = this.lineStart(Math.floor((low + high) / 2), low);
      const { decoded, next } = this.line(start);
      const order = Buffer.compare(decoded.name, name);
      if (order === 0) return this.resolve(decoded, start);
      if (order < 0) low = next;
      else high = start;
    }
    return undefined;
  }

  /** The path of the entry whose line begins at `position`, by its first name. */
  pathTo(position: number): Buffer {
    const names: Buffer[] = [];
    for (let here: IndexEntry | undefined = this.root(); here; ) {
      here = this.towards(here, position);
      if (here) names.push(Buffer.from('/'), here.name);
      if (here?.position === position) break;
    }
    return Buffer.concat(names.slice(1));
  }

  /**
   * What in a directory is the entry itself, or the directory whose subtree holds it: those end in
   * order.
   */
  private towards({ section }: IndexEntry, position: number): IndexEntry | undefined {
    if (!section) return undefined;
    const end = section.start + section.length;
    for (let at = section.start; at < end; ) {
      const { decoded, next } = this.line(at);
      at = next;
      if ('link' in decoded) continue;
      if (decoded.position === position) return decoded;
      const below = position < section.start ? decoded.section : undefined;
      if (below && below.start + below.length > position) return decoded;
    }
    return undefined;
  }

  /** A line without its newline; valid until the next call. */
  private text(position: number): Buffer {
    if (position < 0 || position >= this.file.size) throw noEntryAt(position);
    const here = this.file.peek(position);
    const end = here.indexOf(NEWLINE);
    return end === -1 ? this.longText(position) : here.subarray(0, end);
  }

  /** The same for a line that may continue in the next chunks. */
  private longText(position: number): Buffer {
    for (let length = LINE; length <= MAX_LINE; length *= 2) {
      const bytes = Buffer.allocUnsafe(length);
      const got = this.file.read(bytes, position);
      const end = bytes.subarray(0, got).indexOf(NEWLINE);
      if (end !== -1) return bytes.subarray(0, end);
      if (got < length) break;
    }
    throw noEntryAt(position);
  }

  /** Where the line that holds byte `at` begins, not before `low`. */
  private lineStart(at: number, low: number): number {
    for (let end = at, length = LINE; end > low; length *= 2) {
      const start = Math.max(low, end - length);
      const bytes = Buffer.allocUnsafe(end - start);
      this.file.read(bytes, start);
      const newline = bytes.lastIndexOf(NEWLINE);
      if (newline !== -1) return start + newline + 1;
      end = start;
    }
    return low;
  }
}
