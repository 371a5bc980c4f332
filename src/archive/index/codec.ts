import { isUtf8 } from 'node:buffer';
import { TaskfsError } from '../../errors.ts';
import type { ArtifactType } from '../../store/index.ts';
import type { Extent } from '../../tar/index.ts';
import type { IndexEntry } from './entry.ts';
import { isEntryName, isLinkTarget, isUserXattr, MAX_32, MAX_MODE } from './entry.ts';
import { scanLine } from './line-scanner.ts';

/** A line as it is written: JSON with short lists; see docs/format.md. */
interface Line {
  readonly name?: string;
  readonly name64?: string;
  readonly link?: number;
  readonly type?: string;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly size?: number;
  readonly nlink?: number;
  readonly atime?: string;
  readonly mtime?: string;
  readonly ctime?: string;
  readonly target?: string;
  readonly target64?: string;
  readonly offset?: number;
  readonly extents?: readonly (readonly [number, number])[];
  readonly sha256?: string;
  readonly mime?: string;
  readonly xattrs?: readonly (readonly [string, string])[];
  readonly section?: readonly [number, number];
}

/**
 * The line of an entry, with its newline. Built by hand, for speed: there is one for each file.
 */
export function encodeEntry(entry: Omit<IndexEntry, 'position'>): string {
  const { type, mode, uid, gid, size, nlink, atimeNs, mtimeNs, ctimeNs } = entry;
  const { target, offset, extents, sha256, mime, xattrs, section } = entry;
  let line = `{${bytesMember('name', entry.name)},"type":"${type}","mode":${mode}`;
  line += `,"uid":${uid},"gid":${gid},"size":${size},"nlink":${nlink}`;
  line += `,"atime":"${atimeNs}","mtime":"${mtimeNs}","ctime":"${ctimeNs}"`;
  if (target) line += `,${bytesMember('target', target)}`;
  if (offset !== undefined) line += `,"offset":${offset}`;
  if (extents) line += `,"extents":${JSON.stringify(extents.map(pair))}`;
  if (sha256) line += `,"sha256":"${sha256}"`;
  if (mime) line += `,"mime":${JSON.stringify(mime)}`;
  if (xattrs) line += `,"xattrs":${JSON.stringify(xattrs.map(encodeXattr))}`;
  if (section) line += `,"section":${JSON.stringify(pair(section))}`;
  return `${line}}\n`;
}

/** The line of a further name of a file whose first name's line begins at `position`. */
export const encodeLink = (name: Buffer, position: number): string =>
  `{${bytesMember('name', name)},"link":${position}}\n`;

const pair = ({ start, length }: Extent) => [start, length] as const;
const encodeXattr = ([name, value]: readonly [Buffer, Buffer]) =>
  [name.toString('base64'), value.toString('base64')] as const;

/** As text where the bytes are UTF-8, else in base64 under another key. */
function bytesMember(key: 'name' | 'target', bytes: Buffer): string {
  if (isUtf8(bytes)) return `"${key}":${JSON.stringify(bytes.toString('utf8'))}`;
  return `"${key}64":"${bytes.toString('base64')}"`;
}

/** A decoded line: an entry, or a further name of the file whose line begins at `link`. */
export type DecodedLine = IndexEntry | { readonly name: Buffer; readonly link: number };

const TYPES: ReadonlySet<string> = new Set<ArtifactType>([
  'file',
  'directory',
  'symlink',
  'fifo',
  'socket',
  'character-device',
  'block-device',
]);

/**
 * Decodes the line that begins at `position`. Throws `damaged` where it is none of ours. What it
 * says is what a file system can hold: a name that leads nowhere else (only the top's is empty),
 * numbers in their bounds, attributes of users.
 */
export function decodeLine(text: Buffer, position: number): DecodedLine {
  return scanLine(text, position) ?? decodeJson(text, position);
}

/** The same for a line of any form. */
export function decodeJson(text: Buffer, position: number): DecodedLine {
  const line = parse(text, position);
  const name = bytesOf(line.name, line.name64);
  const { link } = line;
  if (!name || (name.length > 0 && !isEntryName(name))) throw noEntryAt(position);
  // The first name's line comes first: nothing leads in a circle.
  if (link !== undefined && isSize(link) && link < position) return { name, link };
  const entry = decodeEntry(line, name, position);
  if (!entry) throw noEntryAt(position);
  return entry;
}

function parse(text: Buffer, position: number): Line {
  try {
    const value: unknown = JSON.parse(text.toString('utf8'));
    if (typeof value === 'object' && value !== null) return value as Line;
  } catch (cause) {
    throw noEntryAt(position, cause);
  }
  throw noEntryAt(position);
}

/** The error for a place in the index where no line of ours begins. */
export function noEntryAt(position: number, cause?: unknown): TaskfsError {
  return new TaskfsError('damaged', `the index has no entry at byte ${position}`, {
    hint: 'The files are in artifacts.tar.enc all the same: age and tar read it without the index.',
    cause,
  });
}

const isSize = (value: unknown): value is number =>
  Number.isSafeInteger(value) && Number(value) >= 0;
const isText = (value: unknown): value is string => typeof value === 'string';

function bytesOf(text: unknown, base64: unknown): Buffer | undefined {
  if (isText(text)) return Buffer.from(text);
  return isText(base64) ? Buffer.from(base64, 'base64') : undefined;
}

function decodeEntry(line: Line, name: Buffer, position: number): IndexEntry | undefined {
  const { type, mode, uid, gid, size, nlink } = line;
  const atimeNs = timeOf(line.atime);
  const mtimeNs = timeOf(line.mtime);
  const ctimeNs = timeOf(line.ctime);
  const target = bytesOf(line.target, line.target64);
  const extents = line.extents === undefined ? undefined : decodeExtents(line.extents);
  const section = line.section === undefined ? undefined : decodeExtents([line.section])?.[0];
  if (!isText(type) || !TYPES.has(type)) return undefined;
  if (!isSize(size) || !isWithin(mode, MAX_MODE)) return undefined;
  if (!isWithin(uid, MAX_32) || !isWithin(gid, MAX_32) || !isWithin(nlink, MAX_32))
    return undefined;
  if (atimeNs === undefined || mtimeNs === undefined || ctimeNs === undefined) return undefined;
  // A section that lies behind its line could lead in a circle.
  if (type === 'directory' && !(section && section.start + section.length <= position)) {
    return undefined;
  }
  if (type === 'file' && !isSize(line.offset)) return undefined;
  if (type === 'symlink' && !(target && isLinkTarget(target))) return undefined;
  if (line.extents !== undefined && !(extents && isInOrder(extents, size))) return undefined;
  const xattrs = line.xattrs === undefined ? undefined : decodeXattrs(line.xattrs);
  if (line.xattrs !== undefined && !xattrs) return undefined;
  return {
    position,
    name,
    type: type as ArtifactType,
    mode,
    uid,
    gid,
    size,
    nlink,
    atimeNs,
    mtimeNs,
    ctimeNs,
    ...(target && { target }),
    ...(isSize(line.offset) && { offset: line.offset }),
    ...(extents && { extents }),
    ...(isText(line.sha256) && { sha256: line.sha256 }),
    ...(isText(line.mime) && { mime: line.mime }),
    ...(xattrs && { xattrs }),
    ...(section && { section }),
  };
}

const isWithin = (value: unknown, most: number): value is number => isSize(value) && value <= most;

/** Seconds have 64 bits: the first of them, and the first behind them. */
const FIRST_NS = -(2n ** 63n) * 1_000_000_000n;
const END_NS = 2n ** 63n * 1_000_000_000n;

/** Nanoseconds of any time that a file system can hold. */
const isTime = (ns: bigint): boolean => ns >= FIRST_NS && ns < END_NS;

function timeOf(text: unknown): bigint | undefined {
  if (!isText(text) || !/^-?\d{1,28}$/.test(text)) return undefined;
  const ns = BigInt(text);
  return isTime(ns) ? ns : undefined;
}

function decodeExtents(value: unknown): Extent[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const all = value.map((item: unknown) => {
    const [start, length] = Array.isArray(item) ? (item as unknown[]) : [];
    return isSize(start) && isSize(length) ? { start, length } : undefined;
  });
  return all.every((extent) => extent !== undefined) ? all : undefined;
}

/** Whether they follow each other within a file of that size. */
function isInOrder(extents: readonly Extent[], size: number): boolean {
  let end = 0;
  for (const { start, length } of extents) {
    if (start < end) return false;
    end = start + length;
  }
  return end <= size;
}

type Xattr = readonly [name: Buffer, value: Buffer];

function decodeXattrs(value: unknown): Xattr[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const all = value.map(decodeXattr);
  return all.every((xattr) => xattr !== undefined) ? all : undefined;
}

function decodeXattr(value: unknown): Xattr | undefined {
  const [name, content] = Array.isArray(value) ? (value as unknown[]) : [];
  if (!isText(name) || !isText(content)) return undefined;
  const raw = Buffer.from(name, 'base64');
  return isUserXattr(raw) ? [raw, Buffer.from(content, 'base64')] : undefined;
}
