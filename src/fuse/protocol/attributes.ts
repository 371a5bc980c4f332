import type { Attr, Attributes, Entry, PlainEntry } from '../../fs/index.ts';
import type { Timespec } from '../../sys/index.ts';
import { writeU64 } from './struct.ts';
import { attrOut, attr as attrStruct, entryOut, statx, statxOut } from './structs.ts';

/** Writes nodes, their attributes and cache TTLs as the protocol's structs. */

const a = attrStruct.at;
const BILLION = 1_000_000_000n;

// Seconds before 1970 are negative: the field is unsigned in the header, and read as signed.
function writeTime(view: DataView, seconds: number, nanoseconds: number, time: bigint): void {
  const whole = time >= 0n ? time / BILLION : (time - BILLION + 1n) / BILLION;
  view.setBigInt64(seconds, whole, true);
  view.setUint32(nanoseconds, Number(time - whole * BILLION), true);
}

function writeAttr(view: DataView, at: number, attr: Attr): void {
  view.setBigUint64(at + a.ino, attr.ino, true);
  view.setBigUint64(at + a.size, attr.size, true);
  view.setBigUint64(at + a.blocks, attr.blocks, true);
  writeTime(view, at + a.atime, at + a.atimensec, attr.atimeNs);
  writeTime(view, at + a.mtime, at + a.mtimensec, attr.mtimeNs);
  writeTime(view, at + a.ctime, at + a.ctimensec, attr.ctimeNs);
  view.setUint32(at + a.mode, attr.mode, true);
  view.setUint32(at + a.nlink, attr.nlink, true);
  view.setUint32(at + a.uid, attr.uid, true);
  view.setUint32(at + a.gid, attr.gid, true);
  view.setUint32(at + a.rdev, attr.rdev, true);
  view.setUint32(at + a.blksize, attr.blksize, true);
  view.setUint32(at + a.flags, 0, true);
}

function writeTtl(view: DataView, seconds: number, nanoseconds: number, ms: number): void {
  writeU64(view, seconds, Math.floor(ms / 1000));
  view.setUint32(nanoseconds, (ms % 1000) * 1_000_000, true);
}

/** fuse_entry_out; returns its length. */
export function writeEntry(view: DataView, at: number, entry: Entry): number {
  const e = entryOut.at;
  writeU64(view, at + e.nodeid, entry.node);
  writeU64(view, at + e.generation, 0);
  writeTtl(view, at + e.entry_valid, at + e.entry_valid_nsec, entry.entryTtlMs);
  writeTtl(view, at + e.attr_valid, at + e.attr_valid_nsec, entry.attrTtlMs);
  writeAttr(view, at + e.attr, entry.attr);
  return entryOut.size;
}

/** fuse_entry_out of an entry in numbers; all zero, as if unknown, where it has no attributes. */
export function writePlainEntry(view: DataView, at: number, entry: PlainEntry): void {
  for (let word = at; word < at + entryOut.size; word += 8) view.setFloat64(word, 0);
  const { attributes } = entry;
  if (!attributes) return;
  const e = entryOut.at;
  const attr = at + e.attr;
  writeU64(view, at + e.nodeid, attributes.node);
  writeTtl(view, at + e.entry_valid, at + e.entry_valid_nsec, attributes.entryTtlMs);
  writeTtl(view, at + e.attr_valid, at + e.attr_valid_nsec, attributes.attrTtlMs);
  view.setUint32(attr + a.ino, entry.inoLow, true);
  view.setUint32(attr + a.ino + 4, entry.inoHigh, true);
  writeU64(view, attr + a.size, attributes.size);
  writeU64(view, attr + a.blocks, attributes.blocks);
  writeTimespec(view, attr + a.atime, attr + a.atimensec, attributes.atime);
  writeTimespec(view, attr + a.mtime, attr + a.mtimensec, attributes.mtime);
  writeTimespec(view, attr + a.ctime, attr + a.ctimensec, attributes.ctime);
  view.setUint32(attr + a.mode, attributes.mode, true);
  view.setUint32(attr + a.nlink, attributes.nlink, true);
  view.setUint32(attr + a.uid, attributes.uid, true);
  view.setUint32(attr + a.gid, attributes.gid, true);
  view.setUint32(attr + a.blksize, attributes.blksize, true);
}

function writeTimespec(view: DataView, seconds: number, nanoseconds: number, time: Timespec): void {
  writeU64(view, seconds, time.seconds);
  view.setUint32(nanoseconds, time.nanoseconds, true);
}

/** fuse_entry_out of a name that does not exist: node 0, to be cached for so long. */
export function writeMissing(view: DataView, at: number, ttlMs: number): number {
  const e = entryOut.at;
  for (let offset = 0; offset < entryOut.size; offset += 8) writeU64(view, at + offset, 0);
  writeTtl(view, at + e.entry_valid, at + e.entry_valid_nsec, ttlMs);
  return entryOut.size;
}

/** fuse_attr_out; returns its length. */
export function writeAttributes(view: DataView, at: number, found: Attributes): number {
  const o = attrOut.at;
  writeTtl(view, at + o.attr_valid, at + o.attr_valid_nsec, found.attrTtlMs);
  view.setUint32(at + o.dummy, 0, true);
  writeAttr(view, at + o.attr, found.attr);
  return attrOut.size;
}

const STATX_BASIC = 0x7ff;
const STATX_BTIME = 0x800;

/** fuse_statx_out into zeroed bytes; returns its length. */
export function writeStatx(view: DataView, at: number, found: Attributes): number {
  const o = statxOut.at;
  const s = statx.at;
  const { attr } = found;
  const stat = at + o.stat;
  writeTtl(view, at + o.attr_valid, at + o.attr_valid_nsec, found.attrTtlMs);
  view.setUint32(stat + s.mask, attr.btimeNs ? STATX_BASIC | STATX_BTIME : STATX_BASIC, true);
  view.setUint32(stat + s.blksize, attr.blksize, true);
  view.setUint32(stat + s.nlink, attr.nlink, true);
  view.setUint32(stat + s.uid, attr.uid, true);
  view.setUint32(stat + s.gid, attr.gid, true);
  view.setUint16(stat + s.mode, attr.mode, true);
  view.setBigUint64(stat + s.ino, attr.ino, true);
  view.setBigUint64(stat + s.size, attr.size, true);
  view.setBigUint64(stat + s.blocks, attr.blocks, true);
  writeTime(view, stat + s.atime, stat + s.atime + 8, attr.atimeNs);
  writeTime(view, stat + s.btime, stat + s.btime + 8, attr.btimeNs);
  writeTime(view, stat + s.ctime, stat + s.ctime + 8, attr.ctimeNs);
  writeTime(view, stat + s.mtime, stat + s.mtime + 8, attr.mtimeNs);
  // The reverse of the kernel's new_encode_dev.
  view.setUint32(stat + s.rdev_major, (attr.rdev >>> 8) & 0xfff, true);
  view.setUint32(stat + s.rdev_minor, (attr.rdev & 0xff) | ((attr.rdev >>> 12) & 0xfff00), true);
  return statxOut.size;
}
