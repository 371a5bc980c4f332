import type { ArchiveReader, IndexEntry } from '../../archive/index.ts';
import { Errno, errno } from '../../errno.ts';
import { messageOf } from '../../errors.ts';
import type { TaskName } from '../../store/index.ts';
import { firstEndingAfter } from '../../tar/index.ts';
import type { OpenFile } from '../subtree.ts';
import { report } from '../to-errno.ts';

const SEEK_DATA = 3;
const SEEK_HOLE = 4;

/**
 * An open file of an archive: found in the index when something is asked of it, since what the
 * kernel keeps of it is often all that is read, and decrypted as it is read.
 */
export class ArchivedFile implements OpenFile {
  private readonly task: TaskName;
  private readonly position: number;
  private readonly reader: ArchiveReader;
  private known: IndexEntry | undefined;
  readonly close: () => void;

  /** `position`: of its entry in the index. */
  constructor(task: TaskName, position: number, reader: ArchiveReader, release: () => void) {
    this.task = task;
    this.position = position;
    this.reader = reader;
    this.close = release;
  }

  private get entry(): IndexEntry {
    this.known ??= this.reader.entryAt(this.position);
    return this.known;
  }

  lseek(offset: bigint, whence: number): bigint {
    return seekContent(this.entry, offset, whence);
  }

  /**
   * Damage costs the files that lie in it, and no other: EIO, and a line that says where. It stays
   * when the mount has gone, and so names no file: names are as secret as what is in them.
   */
  read(into: Uint8Array, offset: number): number {
    try {
      return this.reader.read(this.entry, into, offset);
    } catch (error) {
      report(
        `task ${this.task}: a file cannot be read at its byte ${offset}: ${messageOf(error)}. ` +
          `'taskfs verify --deep ${this.task}' names what is lost`,
      );
      throw Errno.of(errno.EIO);
    }
  }
}

/**
 * lseek(2) with SEEK_DATA or SEEK_HOLE in an archived file: the next of its kind from `offset` on.
 */
function seekContent(entry: IndexEntry, offset: bigint, whence: number): bigint {
  if (entry.type !== 'file' || (whence !== SEEK_DATA && whence !== SEEK_HOLE)) {
    throw Errno.of(errno.EINVAL);
  }
  const { size, extents = [{ start: 0, length: size }] } = entry;
  const from = Number(offset);
  if (offset < 0n || from >= size) throw Errno.of(errno.ENXIO);
  const first = firstEndingAfter(extents, from);
  const next = extents[first];
  if (whence === SEEK_HOLE) {
    return BigInt(next && next.start <= from ? holeAfter(extents, first) : from);
  }
  if (!next) throw Errno.of(errno.ENXIO);
  return BigInt(Math.max(next.start, from));
}

/** Where the data from an extent on ends: the next ones may touch it. */
function holeAfter(extents: NonNullable<IndexEntry['extents']>, first: number): number {
  let end = 0;
  for (let number = first; ; number++) {
    const next = extents[number];
    if (!next || (number > first && next.start > end)) return end;
    end = next.start + next.length;
  }
}
