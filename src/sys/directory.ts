import { closeSync, constants } from 'node:fs';
import { chmodFd, O_PATH, openAt, reopen, rmdirAt, unlinkAt } from './at.ts';
import { Errno, errno } from './errno.ts';
import { unprotect } from './inode-flags.ts';
import { bind, check } from './libc.ts';
import { isDirectory, isRegular, statFd } from './stat.ts';

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
 * Some entries of a directory as getdents64(2) gives them, one after the other: an object for each
 * would cost more than the call. What it tells is of the entry at which it stands.
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

  /** Reads the next entries of an open directory and stands at the first, if there is one. */
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

  /** The entries from here on, to be kept while this block is filled anew. */
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

/** Every entry of an open directory but `.` and `..`, from where it stands to its end. */
export function* listDirectory(fd: number): Generator<Dirent> {
  for (let batch = readDirents(fd); batch.length > 0; batch = readDirents(fd)) {
    for (const entry of batch) if (!isDot(entry.name)) yield entry;
  }
}

const DOT = 0x2e;
const isDot = (name: Buffer): boolean =>
  name[0] === DOT && (name.length === 1 || (name.length === 2 && name[1] === DOT));

const OPEN_DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/** Opens a directory for listing, never through a symlink; one without read permission is given it first. */
export function openDirectoryForced(dirfd: number, name: Uint8Array | string): number {
  try {
    return openAt(dirfd, name, OPEN_DIRECTORY);
  } catch (error) {
    if (!(error instanceof Errno) || error.errno !== errno.EACCES) throw error;
    const path = openAt(dirfd, name, O_PATH | constants.O_NOFOLLOW | constants.O_DIRECTORY);
    try {
      chmodFd(path, 0o700);
    } finally {
      closeSync(path);
    }
    return openAt(dirfd, name, OPEN_DIRECTORY);
  }
}

/**
 * Removes `name` in `dirfd` with all beneath it, however deep (paths are never joined, so PATH_MAX
 * does not matter), never through a symlink, whatever the modes of directories of one's own, and for
 * root also what chattr(1) made immutable or append-only.
 * A tree that is not there is fine. Descriptors in use: two, at any depth.
 */
export function removeTree(dirfd: number, name: Uint8Array | string): void {
  try {
    removeForced(unlinkAt, dirfd, name);
    return;
  } catch (error) {
    const number = error instanceof Errno ? error.errno : 0;
    if (number === errno.ENOENT) return;
    if (number !== errno.EISDIR && number !== errno.EPERM && number !== errno.EACCES) throw error;
  }
  emptyTree(dirfd, name);
  removeForced(rmdirAt, dirfd, name);
}

type Remove = (dirfd: number, name: Uint8Array | string) => void;

/** Removes a name; one that its own flags protect once those are gone. */
function removeForced(remove: Remove, dirfd: number, name: Uint8Array | string): void {
  try {
    remove(dirfd, name);
  } catch (error) {
    if (!(error instanceof Errno) || error.errno !== errno.EPERM) throw error;
    if (!unprotectName(dirfd, name)) throw error;
    remove(dirfd, name);
  }
}

/** The same for a name whose directory's flags may protect it too. */
function removeBelow(remove: Remove, fd: number, name: Uint8Array | string): void {
  try {
    removeForced(remove, fd, name);
  } catch (error) {
    if (!(error instanceof Errno) || error.errno !== errno.EPERM || !unprotect(fd)) throw error;
    removeForced(remove, fd, name);
  }
}

/** Opens only what opening does nothing to. Returns whether something was changed. */
function unprotectName(dirfd: number, name: Uint8Array | string): boolean {
  const pin = openAt(dirfd, name, O_PATH | constants.O_NOFOLLOW);
  try {
    const { mode } = statFd(pin);
    if (!isRegular(mode) && !isDirectory(mode)) return false;
    const fd = reopen(pin, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      return unprotect(fd);
    } finally {
      closeSync(fd);
    }
  } finally {
    closeSync(pin);
  }
}

// Depth first without recursion: each level is re-entered through '..' of its child's descriptor,
// checked to be the directory that we came from.
function emptyTree(dirfd: number, name: Uint8Array | string): void {
  const levels: { name: Uint8Array | string; ino: bigint; dev: bigint }[] = [];
  let fd = openDirectoryForced(dirfd, name);
  makeWritable(fd);
  let here = identify(fd, name);
  try {
    for (;;) {
      const child = removeFiles(fd);
      if (child) {
        const below = openDirectoryForced(fd, child);
        makeWritable(below);
        levels.push(here);
        closeSync(fd);
        fd = below;
        here = identify(fd, child);
        continue;
      }
      const above = levels.pop();
      if (!above) return;
      const parent = openAt(fd, '..', OPEN_DIRECTORY);
      const found = statFd(parent);
      const moved = found.ino !== above.ino || found.dev !== above.dev;
      const emptied = here.name;
      closeSync(fd);
      fd = parent;
      if (moved) throw Errno.of(errno.EBUSY);
      removeBelow(rmdirAt, fd, emptied);
      here = above;
    }
  } finally {
    closeSync(fd);
  }
}

function identify(fd: number, name: Uint8Array | string) {
  const { ino, dev } = statFd(fd);
  return { name, ino, dev };
}

function makeWritable(fd: number): void {
  const { mode } = statFd(fd);
  if (isDirectory(mode) && (mode & 0o700) !== 0o700) chmodFd(fd, 0o700);
}

/** Unlinks all that is no directory; the first directory found is returned. */
function removeFiles(fd: number): Buffer | undefined {
  for (const entry of listDirectory(fd)) {
    if (entry.type === DT.DIR) return entry.name;
    try {
      removeBelow(unlinkAt, fd, entry.name);
    } catch (error) {
      if (!(error instanceof Errno) || error.errno === errno.ENOENT) continue;
      if (error.errno === errno.EISDIR) return entry.name;
      throw error;
    }
  }
  return undefined;
}
