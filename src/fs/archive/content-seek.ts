import type { IndexEntry } from '../../store/seal/reader.ts';
import { Errno, errno } from '../../sys/index.ts';

const SEEK_DATA = 3;
const SEEK_HOLE = 4;

/** lseek(2) with SEEK_DATA or SEEK_HOLE in an archived file: the next of its kind from `offset` on. */
export function seekContent(entry: IndexEntry, offset: bigint, whence: number): bigint {
  if (entry.type !== 'file' || (whence !== SEEK_DATA && whence !== SEEK_HOLE)) {
    throw Errno.of(errno.EINVAL);
  }
  const { size, extents = [{ start: 0, length: size }] } = entry;
  const from = Number(offset);
  if (offset < 0n || from >= size) throw Errno.of(errno.ENXIO);
  const next = extents.find(({ start, length }) => start + length > from);
  if (whence === SEEK_HOLE)
    return BigInt(next && next.start <= from ? holeAfter(extents, from) : from);
  if (!next) throw Errno.of(errno.ENXIO);
  return BigInt(Math.max(next.start, from));
}

/** The end of the data that begins at or before `from`; stretches may touch each other. */
function holeAfter(extents: NonNullable<IndexEntry['extents']>, from: number): number {
  let end = from;
  for (const { start, length } of extents) {
    if (start > end) break;
    end = Math.max(end, start + length);
  }
  return end;
}
