import { createHash, hash } from 'node:crypto';
import { closeSync, readSync } from 'node:fs';
import { errno } from '../../errno.ts';
import { isOpenForWriting, readSoon } from '../../sys/index.ts';
import type { Extent } from '../../tar/index.ts';
import { encodeMember, padding } from '../../tar/index.ts';
import type { Batch } from './batch.ts';
import { join, TreeChanged } from './directory-cursor.ts';
import {
  contentLength,
  decodeLayoutEntry,
  encodedLength,
  hasContent,
  type LayoutEntry,
  memberOf,
} from './layout-entry.ts';
import { type RingBuffer, SEGMENT } from './ring-buffer.ts';
import { changeOf, openContent, openToRead } from './source-file.ts';
import { needsChmod, type OnChmod } from './temporary-chmod.ts';

/** Bytes of a SHA-256. */
export const DIGEST = 32;

/** What a thread writes batches with. */
export interface ContentOptions {
  readonly ring: RingBuffer;
  /** The digest of each file's content, one after the other. */
  readonly digests: Uint8Array;
  /**
   * Whether files may be open for writing, by programs that can write no more; else TreeChanged.
   */
  readonly mayBeOpen: boolean;
  /** Returns once the ring has space for what ends at `end`. */
  readonly waitForSpace: (end: number) => void;
  /** Called before a file gets a temporary mode; undefined where none needs one. */
  readonly onChmod?: OnChmod;
}

/**
 * An entry of a batch, and its file if it has content: all of a batch are opened, and read soon.
 */
interface Opened {
  readonly entry: LayoutEntry;
  readonly path: Buffer;
  readonly fd: number | undefined;
}

/** Bytes read ahead of a file; the kernel reads ahead in the rest of a larger one. */
const READ_SOON = 1024 * 1024;

/** Puts entries of a tar, headers and content, into the ring. */
export class ContentWriter {
  private readonly options: ContentOptions;
  private at = 0;
  /** Up to where the ring was told that it is filled. */
  private reported = 0;

  constructor(options: ContentOptions) {
    this.options = options;
  }

  /** Throws TreeChanged, Errno or what node:fs throws. */
  write({ at, firstFile, entries, directories }: Batch): void {
    this.at = at;
    this.reported = at;
    let number = firstFile;
    const opened: Opened[] = [];
    try {
      this.openAll({ entries, directories }, opened);
      for (const one of opened) {
        this.putHeader(one.entry, one.path);
        if (one.fd !== undefined) this.putFile(one.entry, one.path, one.fd, number++);
      }
    } finally {
      for (const { fd } of opened) if (fd !== undefined) closeSync(fd);
    }
    this.report();
    this.options.ring.countFiles(number - firstFile);
  }

  /** Asking the disk for all files of a batch at once takes a fifth of the time of one by one. */
  private openAll(
    { entries, directories }: Pick<Batch, 'entries' | 'directories'>,
    opened: Opened[],
  ): void {
    const bytes = viewOf(entries);
    let next = 0;
    for (const { fd: directoryFd, path: bytesOfPath, count } of directories) {
      const directory = viewOf(bytesOfPath);
      for (let number = 0; number < count; number++) {
        const entry = decodeLayoutEntry(bytes, next);
        next += encodedLength(bytes, next);
        const path = entry.kind === 'enter' ? directory : join(directory, entry.name);
        const fd = hasContent(entry) ? this.open(entry, path, directoryFd) : undefined;
        opened.push({ entry, path, fd });
      }
    }
  }

  private open(entry: LayoutEntry, path: Buffer, directory: number): number {
    const { onChmod, mayBeOpen } = this.options;
    const found = { fd: directory, path, name: entry.name, stat: entry.stat };
    const isChanged = onChmod && needsChmod(entry.stat);
    const fd = isChanged ? openContent(found, onChmod) : openToRead(found);
    if (!mayBeOpen && isOpenForWriting(fd)) {
      closeSync(fd);
      throw new TreeChanged(path, errno.ETXTBSY);
    }
    if (entry.stat.size > 0) readSoon(fd, Math.min(entry.stat.size, READ_SOON));
    return fd;
  }

  /** Puts the zeros that a tar ends with. */
  putEnd(at: number, length: number): void {
    this.at = at;
    this.reported = at;
    this.putZeros(length);
    this.report();
  }

  private putHeader(entry: LayoutEntry, path: Buffer): void {
    const member = memberOf(entry, path);
    const header = member && encodeMember(member);
    if (header?.length !== entry.headerLength) throw new Error('a header is not as laid out');
    for (let done = 0; done < header.length; ) {
      const place = this.place(header.length - done);
      place.set(header.subarray(done, done + place.length));
      this.advance(place.length);
      done += place.length;
    }
  }

  private putFile(entry: LayoutEntry, path: Buffer, fd: number, number: number): void {
    try {
      this.options.digests.set(this.putContent(fd, entry), number * DIGEST);
    } catch (error) {
      // A directory that took its place cannot be read at all.
      if (changeOf(fd, entry.stat) === 'replaced') throw new TreeChanged(path);
      throw error;
    }
    if (changeOf(fd, entry.stat)) throw new TreeChanged(path);
    this.putZeros(padding(contentLength(entry)));
  }

  /** Returns the content's digest. */
  private putContent(fd: number, { extents, stat }: LayoutEntry): Uint8Array {
    const all = extents ?? [{ start: 0, length: stat.size }];
    const [only] = all;
    if (only && all.length === 1 && this.place(only.length).length === only.length) {
      const place = this.read(fd, only.start, only.length);
      const digest = hash('sha256', place, 'buffer');
      this.advance(place.length);
      return digest;
    }
    return this.putExtents(fd, all);
  }

  private putExtents(fd: number, all: readonly Extent[]): Uint8Array {
    const digest = createHash('sha256');
    for (const { start, length } of all) {
      for (let done = 0; done < length; ) {
        const place = this.read(fd, start + done, length - done);
        digest.update(place);
        this.advance(place.length);
        done += place.length;
      }
    }
    return digest.digest();
  }

  /**
   * Reads from a file into the ring, to the end of a segment at most; zeros for what is missing.
   */
  private read(fd: number, start: number, length: number): Buffer {
    const place = this.place(length);
    for (let got = 0; got < place.length; ) {
      const count = readSync(fd, place, got, place.length - got, start + got);
      // A file that was truncated meanwhile keeps its length in the layout; it counts as changed.
      if (count === 0) place.fill(0, got);
      got = count === 0 ? place.length : got + count;
    }
    return place;
  }

  private putZeros(length: number): void {
    for (let left = length; left > 0; ) {
      const place = this.place(left).fill(0);
      this.advance(place.length);
      left -= place.length;
    }
  }

  /** Where to put the next bytes; waits until that is free. */
  private place(length: number): Buffer {
    const { ring, waitForSpace } = this.options;
    const place = ring.place(this.at, length);
    const end = this.at + place.length;
    if (!ring.hasSpace(end)) {
      this.report();
      waitForSpace(end);
    }
    return place;
  }

  /** From now on another thread may encrypt these bytes: nothing here reads them any more. */
  private advance(length: number): void {
    this.at += length;
    if (this.at % SEGMENT === 0) this.report();
  }

  /** Tells the ring, once for all that lies in one segment. */
  private report(): void {
    if (this.at > this.reported)
      this.options.ring.markFilled(this.reported, this.at - this.reported);
    this.reported = this.at;
  }
}

/** Bytes that another thread sent, without a copy. */
const viewOf = ({ buffer, byteOffset, length }: Uint8Array): Buffer =>
  Buffer.from(buffer, byteOffset, length);
