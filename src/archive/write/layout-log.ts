import { closeSync, constants, openSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { readFully, writeFully } from '../../files/index.ts';
import {
  decodeLayoutEntry,
  encodedLength,
  encodeLayoutEntry,
  type LayoutEntry,
} from './layout-entry.ts';

const BLOCK_SIZE = 1024 * 1024;
const BLOCKS_IN_MEMORY = 4;

/** Whole entries; blocks beyond the first few are in the file. */
interface Block {
  readonly bytes: Buffer | undefined;
  readonly length: number;
  /** Where it begins in the file. */
  readonly at: number;
}

/** An entry, decoded and encoded. */
export interface Logged {
  readonly entry: LayoutEntry;
  readonly encoded: Buffer;
}

/**
 * The entries of a layout, in order: some megabytes in memory, the rest in a file without a name,
 * so that memory does not grow with the number of files.
 */
export class LayoutLog implements Disposable {
  private readonly directory: string;
  private readonly blocks: Block[] = [];
  private current = Buffer.allocUnsafe(BLOCK_SIZE);
  private used = 0;
  private fd: number | undefined;
  private fileLength = 0;

  /** `directory`: where its file is made, if it needs one. */
  constructor(directory: string) {
    this.directory = directory;
  }

  add(entry: LayoutEntry): void {
    const encoded = encodeLayoutEntry(entry);
    if (this.used + encoded.length > this.current.length) this.endBlock(encoded.length);
    this.current.set(encoded, this.used);
    this.used += encoded.length;
  }

  /** All of them. What is yielded is valid until the next. */
  *read(): Generator<Logged> {
    let buffer: Buffer = Buffer.alloc(0);
    for (const { bytes, length, at } of [...this.blocks, this.lastBlock()]) {
      if (!bytes && buffer.length < length) buffer = Buffer.allocUnsafeSlow(length);
      const block = bytes ?? this.load(buffer.subarray(0, length), at);
      for (let place = 0; place < length; ) {
        const end = place + encodedLength(block, place);
        yield { entry: decodeLayoutEntry(block, place), encoded: block.subarray(place, end) };
        place = end;
      }
    }
  }

  [Symbol.dispose](): void {
    if (this.fd !== undefined) closeSync(this.fd);
  }

  private lastBlock(): Block {
    return { bytes: this.current, length: this.used, at: 0 };
  }

  private endBlock(needed: number): void {
    const size = Math.max(BLOCK_SIZE, needed);
    if (this.blocks.length < BLOCKS_IN_MEMORY) {
      this.blocks.push(this.lastBlock());
      this.current = Buffer.allocUnsafe(size);
    } else {
      this.blocks.push({ bytes: undefined, length: this.used, at: this.fileLength });
      this.store(this.current.subarray(0, this.used));
      if (this.current.length < size) this.current = Buffer.allocUnsafe(size);
    }
    this.used = 0;
  }

  private store(bytes: Buffer): void {
    this.fd ??= openNameless(join(this.directory, 'layout'));
    writeFully(this.fd, bytes, this.fileLength);
    this.fileLength += bytes.length;
  }

  private load(into: Buffer, at: number): Buffer {
    if (readFully(this.fd ?? -1, into, at) === into.length) return into;
    throw new Error('the layout of the archive was truncated');
  }
}

/** A file that vanishes when it is closed. */
function openNameless(path: string): number {
  const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  const fd = openSync(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  try {
    unlinkSync(path);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}
