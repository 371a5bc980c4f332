import { Errno, errno } from '../errno.ts';
import { bind, bindBlocking, check } from './libc.ts';

/** Calls on an open file that Node has no function for. Offsets and lengths are bytes. */

const c = {
  lseek: bind('int64_t lseek(int, int64_t, int)'),
  fallocate: bind('int fallocate(int, int, int64_t, int64_t)'),
  copy_file_range: bind('int64_t copy_file_range(int, void *, int, void *, size_t, unsigned int)'),
  syncfs: bind('int syncfs(int)'),
  posix_fadvise: bind('int posix_fadvise(int, int64_t, int64_t, int)'),
};

export const SEEK_DATA = 3;
export const SEEK_HOLE = 4;

/** Moves or asks a file's position: whence 0 SET, 1 CUR, 2 END, SEEK_DATA, SEEK_HOLE. */
export function seek(fd: number, offset: bigint, whence: number): bigint {
  return BigInt(check(c.lseek(fd, offset, whence)));
}

/** The extents of a file that hold data, in order; the whole file where holes are unknown. */
export function* dataExtents(fd: number, size: bigint): Generator<{ start: bigint; end: bigint }> {
  let at = 0n;
  while (at < size) {
    const start = nextData(fd, at);
    if (start === undefined || start >= size) return;
    const hole = seek(fd, start, SEEK_HOLE);
    const end = hole < size ? hole : size;
    yield { start, end };
    at = end;
  }
}

function nextData(fd: number, from: bigint): bigint | undefined {
  try {
    return seek(fd, from, SEEK_DATA);
  } catch (error) {
    if (error instanceof Errno && error.errno === errno.ENXIO) return undefined;
    throw error;
  }
}

export function fallocate(fd: number, mode: number, offset: bigint, length: bigint): void {
  check(c.fallocate(fd, mode, offset, length));
}

const from = Buffer.alloc(8);
const to = Buffer.alloc(8);

/** copy_file_range(2): returns how many bytes were copied. */
export function copyFileRange(
  source: number,
  sourceOffset: bigint,
  target: number,
  targetOffset: bigint,
  length: number,
): number {
  from.writeBigInt64LE(sourceOffset);
  to.writeBigInt64LE(targetOffset);
  return check(c.copy_file_range(source, from, target, to, length, 0));
}

const WILL_NEED = 3;

/** Reads the first `length` bytes into the page cache, without waiting. Advice: it never fails. */
export function readSoon(fd: number, length: number): void {
  c.posix_fadvise(fd, 0, length, WILL_NEED);
}

export function syncfs(fd: number): void {
  check(c.syncfs(fd));
}

const syncfsBlocking = bindBlocking('int syncfs(int)');

/** The same on another thread. What kept it from writing everything is not known: it says EIO. */
export async function syncfsOnThread(fd: number): Promise<void> {
  if ((await syncfsBlocking(fd)) === -1) throw Errno.of(errno.EIO);
}
