import { closeSync, constants } from 'node:fs';
import { openAt } from './at.ts';
import { bind, check } from './libc.ts';

/** One entry of a directory as getdents64(2) gives it. */
export interface Dirent {
  /** Raw bytes. */
  readonly name: Buffer;
  readonly ino: bigint;
  /** DT_* of readdir(3); 0 where the file system does not say. */
  readonly type: number;
  /** The position after this entry, for lseek(2) on the directory. */
  readonly cookie: bigint;
}

export const DT = {
  UNKNOWN: 0,
  FIFO: 1,
  CHR: 2,
  DIR: 4,
  BLK: 6,
  REG: 8,
  LNK: 10,
  SOCK: 12,
} as const;

const SYS_GETDENTS64 = process.arch === 'arm64' ? 61 : 217;
const syscall = bind('int64_t syscall(int64_t, int64_t, void *, int64_t)');
const BLOCK = 64 * 1024;

/**
 * Entries of a directory as getdents64(2) gives them, one after the other: an object for each
 * would cost more than the call. Its properties are those of the current entry.
 */
export class DirentBlock implements Dirent {
  private readonly bytes: Buffer;
  private readonly view: DataView;
  private end = 0;
  private at = 0;

  constructor(bytes = Buffer.alloc(BLOCK)) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /** Reads the next entries of an open directory and goes to the first, if there is one. */
  fill(fd: number): void {
    this.at = 0;
    this.end = check(syscall(SYS_GETDENTS64, fd, this.bytes, this.bytes.length));
  }

  /** No entry is left. */
  get isOver(): boolean {
    return this.at >= this.end;
  }

  skip(): void {
    this.at += this.view.getUint16(this.at + D.reclen, true);
  }

  /** The entries from here on, to be kept while this block is refilled. */
  rest(): DirentBlock {
    const rest = new DirentBlock(Buffer.from(this.bytes.subarray(this.at, this.end)));
    rest.end = this.end - this.at;
    return rest;
  }

  get ino(): bigint {
    return this.view.getBigUint64(this.at, true);
  }

  get cookie(): bigint {
    return this.view.getBigInt64(this.at + D.off, true);
  }

  get type(): number {
    return this.bytes[this.at + D.type] ?? DT.UNKNOWN;
  }

  /** A view of the block. */
  get name(): Buffer {
    const start = this.at + D.name;
    return this.bytes.subarray(start, this.nameEnd(start));
  }

  // Entries are padded to a multiple of eight bytes: the NUL is among the last eight.
  private nameEnd(start: number): number {
    let end = Math.max(start, this.at + this.view.getUint16(this.at + D.reclen, true) - 8);
    while (this.bytes[end] !== 0) end++;
    return end;
  }
}

/** Offsets in struct linux_dirent64. */
const D = { off: 8, reclen: 16, type: 18, name: 19 } as const;

const block = new DirentBlock();

/** The next entries of an open directory, `.` and `..` among them; empty at its end. */
export function readDirents(fd: number): Dirent[] {
  const entries: Dirent[] = [];
  for (block.fill(fd); !block.isOver; block.skip()) {
    const { ino, cookie, type, name } = block;
    entries.push({ ino, cookie, type, name: Buffer.from(name) });
  }
  return entries;
}

/** Every entry of an open directory but `.` and `..`, from its position to its end. */
export function* listDirectory(fd: number): Generator<Dirent> {
  for (let batch = readDirents(fd); batch.length > 0; batch = readDirents(fd)) {
    for (const entry of batch) if (!isDot(entry.name)) yield entry;
  }
}

/** Reads a directory, known by any descriptor of it, from its beginning. */
export function withListing<T>(directory: number, action: (fd: number) => T): T {
  const fd = openAt(directory, '.', constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    return action(fd);
  } finally {
    closeSync(fd);
  }
}

const DOT = 0x2e;
const isDot = (name: Buffer): boolean =>
  name[0] === DOT && (name.length === 1 || (name.length === 2 && name[1] === DOT));
