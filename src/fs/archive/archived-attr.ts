import type { IndexEntry } from '../../store/seal/reader.ts';
import {
  DT,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFREG,
  S_IFSOCK,
} from '../../sys/index.ts';
import type { Attr, NodeId } from '../filesystem.ts';
import { inoOf } from '../node-ids.ts';

const FORMATS: Readonly<Record<IndexEntry['type'], number>> = {
  file: S_IFREG,
  directory: S_IFDIR,
  symlink: S_IFLNK,
  fifo: S_IFIFO,
  socket: S_IFSOCK,
  'character-device': S_IFCHR,
  'block-device': S_IFBLK,
};

const TYPES: Readonly<Record<IndexEntry['type'], number>> = {
  file: DT.REG,
  directory: DT.DIR,
  symlink: DT.LNK,
  fifo: DT.FIFO,
  socket: DT.SOCK,
  'character-device': DT.CHR,
  'block-device': DT.BLK,
};

/** DT_* of an entry. */
export const direntType = ({ type }: Pick<IndexEntry, 'type'>): number => TYPES[type];

const BLOCK = 512;

/** Attributes of an archived file: those that it was sealed with. */
export function archivedAttr(node: NodeId, entry: IndexEntry): Attr {
  return {
    ino: inoOf(node),
    mode: FORMATS[entry.type] | entry.mode,
    nlink: entry.nlink,
    uid: entry.uid,
    gid: entry.gid,
    rdev: 0,
    size: BigInt(entry.size),
    blocks: BigInt(Math.ceil(storedSize(entry) / BLOCK)),
    blksize: 65536,
    atimeNs: entry.atimeNs,
    mtimeNs: entry.mtimeNs,
    ctimeNs: entry.ctimeNs,
    btimeNs: entry.ctimeNs,
  };
}

/** Bytes without the holes. */
function storedSize({ size, extents }: IndexEntry): number {
  return extents ? extents.reduce((sum, { length }) => sum + length, 0) : size;
}
