import { isDirectory, isRegular, isSymlink, type Stat } from '../../sys/index.ts';
import type { Extent } from '../../tar/index.ts';
import { type Member, type MemberType, padding } from '../../tar/index.ts';
import { storedLength } from '../index/entry.ts';

/** What statx(2) said of a file before the first byte is written. */
export type LayoutStat = Pick<
  Stat,
  'mode' | 'uid' | 'gid' | 'nlink' | 'ino' | 'dev' | 'atimeNs' | 'mtimeNs' | 'ctimeNs'
> & { readonly size: number };

/** What only some entries have. */
interface Extras {
  /** Of a symlink: where it points. */
  readonly target?: Buffer;
  /** Of a further name of a file: the member path of its first name, and which entry that is. */
  readonly link?: { readonly path: Buffer; readonly number: number };
  readonly extents?: readonly Extent[];
  readonly xattrs?: readonly (readonly [name: Buffer, value: Buffer])[];
}

/** One step of a walk: a directory before what is in it, its end, or anything else. */
export interface LayoutEntry extends Extras {
  readonly kind: 'enter' | 'leave' | 'leaf';
  readonly name: Buffer;
  readonly stat: LayoutStat;
  /** Bytes before the content in the tar; 0 for what is not in it. */
  readonly headerLength: number;
}

/** As a member of the tar; undefined for what is only in the index. */
export function memberOf(
  entry: Omit<LayoutEntry, 'headerLength'>,
  path: Buffer,
): Member | undefined {
  const type = memberType(entry);
  if (!type) return undefined;
  const { stat, target, link, extents, xattrs } = entry;
  const linkTarget = link?.path ?? target;
  return {
    path: memberPath(path, type),
    type,
    mode: stat.mode & 0o7777,
    uid: stat.uid,
    gid: stat.gid,
    size: type === 'File' ? stat.size : 0,
    atimeNs: stat.atimeNs,
    mtimeNs: stat.mtimeNs,
    ctimeNs: stat.ctimeNs,
    ...(linkTarget && { linkTarget }),
    ...(extents && { extents }),
    ...(xattrs && { xattrs }),
  };
}

function memberType({
  kind,
  stat,
  link,
}: Omit<LayoutEntry, 'headerLength'>): MemberType | undefined {
  if (kind === 'leave') return undefined;
  if (isDirectory(stat.mode)) return 'Directory';
  if (isSymlink(stat.mode)) return link ? 'Link' : 'SymbolicLink';
  if (isRegular(stat.mode)) return link ? 'Link' : 'File';
  return undefined;
}

const HERE = Buffer.from('./');
const SLASH = Buffer.from('/');

/** `./` and the path: no name can be mistaken for an option, and the top has one too. */
export function memberPath(path: Buffer, type?: MemberType): Buffer {
  const isBelow = type === 'Directory' && path.length > 0;
  return Buffer.concat(isBelow ? [HERE, path, SLASH] : [HERE, path]);
}

/** Whether it is a file whose content the tar holds here, and not at another name. */
export const hasContent = ({ kind, stat, link }: LayoutEntry): boolean =>
  kind === 'leaf' && isRegular(stat.mode) && !link;

/** Bytes of its content in the tar, without what pads it to whole blocks. */
export const contentLength = (entry: LayoutEntry): number =>
  hasContent(entry) ? storedLength({ size: entry.stat.size, extents: entry.extents }) : 0;

/** All bytes that it takes in the tar. */
export function tarLength(entry: LayoutEntry): number {
  const content = contentLength(entry);
  return entry.headerLength + content + padding(content);
}

const KINDS = ['enter', 'leave', 'leaf'] as const;
const FIXED = 92;
const NO_EXTRAS = Buffer.alloc(0);

/** A fixed part of 92 bytes, the name, and what only some have. */
export function encodeLayoutEntry(entry: LayoutEntry): Buffer {
  const { name, stat, kind, headerLength, target, link, extents, xattrs } = entry;
  const hasExtras = target ?? link ?? extents ?? xattrs;
  const extras = hasExtras ? encodeExtras(entry) : NO_EXTRAS;
  const bytes = Buffer.allocUnsafe(FIXED + name.length + extras.length);
  bytes.writeUInt32LE(bytes.length, 0);
  bytes.writeUInt16LE(KINDS.indexOf(kind), 4);
  bytes.writeUInt16LE(name.length, 6);
  bytes.writeUInt32LE(stat.nlink, 8);
  bytes.writeUInt32LE(headerLength, 12);
  bytes.writeUInt32LE(stat.mode, 16);
  bytes.writeUInt32LE(stat.uid, 20);
  bytes.writeUInt32LE(stat.gid, 24);
  bytes.writeUInt32LE(0, 28);
  bytes.writeDoubleLE(stat.size, 32);
  bytes.writeBigUInt64LE(stat.ino, 40);
  bytes.writeBigUInt64LE(stat.dev, 48);
  writeTime(bytes, stat.atimeNs, 56);
  writeTime(bytes, stat.mtimeNs, 68);
  writeTime(bytes, stat.ctimeNs, 80);
  bytes.set(name, FIXED);
  bytes.set(extras, FIXED + name.length);
  return bytes;
}

/** Seconds have 64 bits, so nanoseconds need 96: 64 only hold those from 1970 to 2554. */
function writeTime(into: Buffer, ns: bigint, at: number): void {
  into.writeBigUInt64LE(BigInt.asUintN(64, ns), at);
  into.writeInt32LE(Number(ns >> 64n), at + 8);
}

function readTime(from: Buffer, at: number): bigint {
  const low = from.readBigUInt64LE(at);
  const high = from.readInt32LE(at + 8);
  return high === 0 ? low : (BigInt(high) << 64n) | low;
}

/** How long the encoded entry at `at` is. */
export const encodedLength = (bytes: Buffer, at: number): number => bytes.readUInt32LE(at);

export function decodeLayoutEntry(bytes: Buffer, at: number): LayoutEntry {
  const nameEnd = at + FIXED + bytes.readUInt16LE(at + 6);
  const end = at + encodedLength(bytes, at);
  return {
    kind: KINDS[bytes.readUInt16LE(at + 4)] ?? 'leaf',
    name: bytes.subarray(at + FIXED, nameEnd),
    headerLength: bytes.readUInt32LE(at + 12),
    stat: {
      nlink: bytes.readUInt32LE(at + 8),
      mode: bytes.readUInt32LE(at + 16),
      uid: bytes.readUInt32LE(at + 20),
      gid: bytes.readUInt32LE(at + 24),
      size: bytes.readDoubleLE(at + 32),
      ino: bytes.readBigUInt64LE(at + 40),
      dev: bytes.readBigUInt64LE(at + 48),
      atimeNs: readTime(bytes, at + 56),
      mtimeNs: readTime(bytes, at + 68),
      ctimeNs: readTime(bytes, at + 80),
    },
    ...(nameEnd < end && decodeExtras(bytes.toString('latin1', nameEnd, end))),
  };
}

/** JSON, with raw bytes in base64. */
interface ExtrasText {
  readonly target?: string;
  readonly link?: readonly [path: string, number: number];
  readonly extents?: readonly Extent[];
  readonly xattrs?: readonly (readonly [name: string, value: string])[];
}

function encodeExtras({ target, link, extents, xattrs }: Extras): Buffer {
  const text: ExtrasText = {
    ...(target && { target: text64(target) }),
    ...(link && { link: [text64(link.path), link.number] }),
    ...(extents && { extents }),
    ...(xattrs && { xattrs: xattrs.map(([name, value]) => [text64(name), text64(value)]) }),
  };
  return Buffer.from(JSON.stringify(text), 'latin1');
}

const text64 = (bytes: Buffer): string => bytes.toString('base64');
const raw = (text: string): Buffer => Buffer.from(text, 'base64');

function decodeExtras(text: string): Extras {
  const { target, link, extents, xattrs } = JSON.parse(text) as ExtrasText;
  return {
    ...(target !== undefined && { target: raw(target) }),
    ...(link && { link: { path: raw(link[0]), number: link[1] } }),
    ...(extents && { extents }),
    ...(xattrs && { xattrs: xattrs.map(([name, value]) => [raw(name), raw(value)] as const) }),
  };
}
