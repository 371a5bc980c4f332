import type { IndexEntry } from '../../archive/index.ts';
import { Errno, errno } from '../../errno.ts';
import { firstEndingAfter } from '../../tar/index.ts';

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
  const first = firstEndingAfter(extents, from);
  const next = extents[first];
  if (whence === SEEK_HOLE)
    return BigInt(next && next.start <= from ? holeAfter(extents, first) : from);
  if (!next) throw Errno.of(errno.ENXIO);
  return BigInt(Math.max(next.start, from));
}

/** The end of the data of a stretch; others may touch it. */
function holeAfter(extents: NonNullable<IndexEntry['extents']>, first: number): number {
  let end = 0;
  for (let number = first; ; number++) {
    const next = extents[number];
    if (!next || (number > first && next.start > end)) return end;
    end = next.start + next.length;
  }
}
