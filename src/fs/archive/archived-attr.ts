import { type FileLine, type IndexEntry, storedLength } from '../../archive/index.ts';
import {
  OWN_XATTR_PREFIX,
  type TaskName,
  type TaskRecord,
  TYPE_BITS,
  withoutOwnXattrs,
} from '../../store/index.ts';
import { direntTypeOf, S_IFREG, type Timespec } from '../../sys/index.ts';
import type { Attr, Entry, NodeId, PlainAttributes } from '../file-system.ts';
import { archivedNode, inoOf } from '../node-ids.ts';
import { statusXattrs } from '../status-xattrs.ts';

/** DT_* of an entry. */
export const direntType = ({ type }: Pick<IndexEntry, 'type'>): number =>
  direntTypeOf(TYPE_BITS[type]);

const BLOCK = 512;
const IO_SIZE = 65_536;
/** What is sealed never changes. */
export const SEALED_TTL_MS = 86_400_000;

/** Attributes of an archived file: those that it was sealed with. */
export function archivedAttr(node: NodeId, entry: IndexEntry): Attr {
  return {
    ino: inoOf(node),
    mode: TYPE_BITS[entry.type] | entry.mode,
    nlink: entry.nlink,
    uid: entry.uid,
    gid: entry.gid,
    rdev: 0,
    size: BigInt(entry.size),
    blocks: BigInt(Math.ceil(storedLength(entry) / BLOCK)),
    blksize: IO_SIZE,
    atimeNs: entry.atimeNs,
    mtimeNs: entry.mtimeNs,
    ctimeNs: entry.ctimeNs,
    btimeNs: entry.ctimeNs,
  };
}

/** What an entry of the archive in a slot is to who looks it up. */
export function archivedEntry(slot: number, found: IndexEntry): Entry {
  const node = archivedNode(slot, found.position);
  const attr = archivedAttr(node, found);
  return { node, attr, entryTtlMs: SEALED_TTL_MS, attrTtlMs: SEALED_TTL_MS };
}

/** Attributes of ordinary files, one after the other: all in one record. */
export class PlainAttr implements PlainAttributes {
  node = 0;
  readonly entryTtlMs = SEALED_TTL_MS;
  readonly attrTtlMs = SEALED_TTL_MS;
  readonly blksize = IO_SIZE;
  mode = 0;
  nlink = 0;
  uid = 0;
  gid = 0;
  size = 0;
  blocks = 0;
  atime: Timespec = EPOCH;
  mtime: Timespec = EPOCH;
  ctime: Timespec = EPOCH;

  set(node: NodeId, file: FileLine): this {
    this.node = node;
    this.mode = S_IFREG | file.mode;
    this.nlink = file.nlink;
    this.uid = file.uid;
    this.gid = file.gid;
    this.size = file.size;
    this.blocks = Math.ceil(file.size / BLOCK);
    this.atime = file.atime;
    this.mtime = file.mtime;
    this.ctime = file.ctime;
    return this;
  }
}

const EPOCH: Timespec = { seconds: 0, nanoseconds: 0 };

type Xattrs = ReadonlyMap<string, Buffer>;

/** The status of an archived task by its record; without one, what the mount itself knows. */
export function archivedStatus(task: TaskName, record: TaskRecord | undefined): Xattrs {
  const bare = new Map([
    ['task', task as string],
    ['mode', 'archived'],
  ]);
  return prefixed(record ? statusXattrs(record, 'archived') : bare);
}

/** What the index says of a file's content. */
export function contentXattrs({ sha256, mime }: IndexEntry): Xattrs {
  return prefixed(
    new Map(
      Object.entries({ sha256, mime }).filter(
        (entry): entry is [string, string] => entry[1] !== undefined,
      ),
    ),
  );
}

/** The attributes that the file had when it was sealed; their names as latin1. */
export function sealedXattrs(entry: IndexEntry): Xattrs {
  const xattrs = withoutOwnXattrs(entry.xattrs ?? []);
  return new Map(xattrs.map(([name, value]) => [name.toString('latin1'), value]));
}

function prefixed(values: ReadonlyMap<string, string>): Xattrs {
  return new Map([...values].map(([key, value]) => [OWN_XATTR_PREFIX + key, Buffer.from(value)]));
}
