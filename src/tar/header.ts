import { isUtf8 } from 'node:buffer';
import { formatTime, type PaxRecord, recordsLength, writeRecords, xattrKeyword } from './pax.ts';
import type { Extent } from './sparse-map.ts';
import { encodeSparseMap } from './sparse-map.ts';
import { BLOCK, padding, type USTAR_TYPE, writeUstar } from './ustar.ts';

/**
 * The blocks before a member's content in a pax tar (POSIX.1-2024 pax, "pax Interchange Format").
 * The extended header holds what ustar cannot: raw names, nanoseconds, large numbers, attributes,
 * and holes in GNU tar's format 1.0 (GNU tar manual, "PAX Format, Version 1.0").
 */

export type MemberType = 'File' | 'Directory' | 'SymbolicLink' | 'Link';

/** The longest extended header that is read, with the paths and attributes of a member. Bytes. */
export const MAX_EXTENSION = 16 * 1024 * 1024;

/** One member of the tar. Times are nanoseconds since the epoch. */
export interface Member {
  /** Raw bytes, beginning with `./`. */
  readonly path: Buffer;
  readonly type: MemberType;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes of content that the reader sees, holes included. */
  readonly size: number;
  readonly atimeNs: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly linkTarget?: Buffer;
  readonly extents?: readonly Extent[];
  readonly xattrs?: readonly (readonly [name: Buffer, value: Buffer])[];
}

/**
 * All blocks before the first byte of content: extended header, header, and the map of a sparse
 * file. What is returned is good until the next call.
 */
export function encodeMember(member: Member): Buffer {
  const map = mapOf(member);
  const stored = map.length + storedSize(member);
  const records = paxRecords(member, stored);
  const paxLength = recordsLength(records);
  const headerAt = BLOCK + padded(paxLength);
  const bytes = scratchOf(headerAt + BLOCK + map.length);
  writeBlock(bytes, 0, 'ExtendedHeader', member, { name: PAX_NAME, size: paxLength });
  const end = writeRecords(bytes, BLOCK, records);
  bytes.fill(0, end, headerAt);
  const { path, linkTarget } = member;
  const link = linkTarget && ustarName(linkTarget);
  writeBlock(bytes, headerAt, member.type, member, { name: ustarName(path), size: stored, link });
  bytes.set(map, headerAt + BLOCK);
  return bytes;
}

let scratch = Buffer.alloc(4096);

function scratchOf(length: number): Buffer {
  if (length > scratch.length) scratch = Buffer.alloc(length);
  return scratch.subarray(0, length);
}

/** Bytes that `encodeMember` makes, and how many of them are the extended header's content. */
export function memberLengths(member: Member): {
  readonly all: number;
  readonly extension: number;
} {
  const map = mapOf(member);
  const records = paxRecords(member, map.length + storedSize(member));
  const extension = recordsLength(records);
  return { all: 2 * BLOCK + padded(extension) + map.length, extension };
}

const PAX_NAME = './PaxHeaders/member';
const NO_MAP = Buffer.alloc(0);

const mapOf = ({ extents, size }: Member): Buffer =>
  extents ? encodeSparseMap(extents, size) : NO_MAP;

/** Bytes of content in the tar. */
function storedSize({ extents, size, type }: Pick<Member, 'extents' | 'size' | 'type'>): number {
  if (type !== 'File') return 0;
  return extents ? extents.reduce((sum, { length }) => sum + length, 0) : size;
}

const padded = (length: number): number => length + padding(length);

/** Bytes, and seconds since 1970: eleven octal digits. */
const MAX_OCTAL = 0o77777777777;

function paxRecords(member: Member, stored: number): PaxRecord[] {
  const { path, linkTarget, extents, xattrs, size } = member;
  const records: PaxRecord[] = [];
  if (needsBinary(path) || (linkTarget && needsBinary(linkTarget))) {
    records.push(['hdrcharset', 'BINARY']);
  }
  if (extents) records.push(...sparseRecords(path, size));
  else if (!fitsUstar(path)) records.push(['path', path]);
  if (linkTarget && !fitsUstar(linkTarget)) records.push(['linkpath', linkTarget]);
  if (stored > MAX_OCTAL) records.push(['size', String(stored)]);
  records.push(['mtime', formatTime(member.mtimeNs)]);
  records.push(['atime', formatTime(member.atimeNs)]);
  records.push(['ctime', formatTime(member.ctimeNs)]);
  for (const [name, value] of xattrs ?? []) records.push([xattrKeyword(name), value]);
  return records;
}

const sparseRecords = (path: Buffer, size: number): PaxRecord[] => [
  ['GNU.sparse.major', '1'],
  ['GNU.sparse.minor', '0'],
  ['GNU.sparse.name', path],
  ['GNU.sparse.realsize', String(size)],
];

function isPlain(name: Buffer): boolean {
  for (const byte of name) if (byte < 0x20 || byte >= 0x7f) return false;
  return true;
}

const needsBinary = (name: Buffer): boolean => !isPlain(name) && !isUtf8(name);

const USTAR_NAME = 99;

const fitsUstar = (name: Buffer): boolean => name.length <= USTAR_NAME && isPlain(name);

/** What a reader without pax sees; the true name is in the extended header. */
function ustarName(name: Buffer): string {
  const text = name.toString('latin1').replace(/[^\x20-\x7e]/g, '_');
  return text.length <= USTAR_NAME ? text : `./${text.slice(2 - USTAR_NAME)}`;
}

function writeBlock(
  into: Buffer,
  at: number,
  type: keyof typeof USTAR_TYPE,
  { mode, uid, gid, mtimeNs }: Member,
  named: { name: string; size: number; link?: string | undefined },
): void {
  const mtime = Math.max(0, Math.min(MAX_OCTAL, Number(mtimeNs / 1_000_000_000n)));
  writeUstar(into, at, { type, mode, uid, gid, mtime, ...named });
}
