import { Header } from 'tar';
import type { Stretch } from './index-entry.ts';

/**
 * The blocks before a member's content in a pax tar (POSIX.1-2024 pax, "pax Interchange Format"). The
 * extended header holds what ustar cannot: raw names, nanoseconds, large numbers, attributes, and
 * holes in GNU tar's format 1.0 (GNU tar manual, "PAX Format, Version 1.0").
 */

export const BLOCK = 512;

export type MemberType = 'File' | 'Directory' | 'SymbolicLink' | 'Link';

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
  readonly extents?: readonly Stretch[];
  readonly xattrs?: readonly (readonly [name: Buffer, value: Buffer])[];
}

/** All blocks before the first byte of content: extended header, header, and the map of a sparse file. */
export function encodeMember(member: Member): Buffer {
  const map = member.extents ? sparseMap(member.extents, member.size) : Buffer.alloc(0);
  const stored = map.length + storedSize(member);
  const pax = Buffer.concat(paxRecords(member, stored));
  return Buffer.concat([
    block('ExtendedHeader', member, { name: Buffer.from('./PaxHeaders/member'), size: pax.length }),
    pad(pax),
    block(member.type, member, { name: member.path, size: stored, link: member.linkTarget }),
    map,
  ]);
}

/** Bytes of content in the tar. */
export function storedSize({
  extents,
  size,
  type,
}: Pick<Member, 'extents' | 'size' | 'type'>): number {
  if (type !== 'File') return 0;
  return extents ? extents.reduce((sum, { length }) => sum + length, 0) : size;
}

/** Zeros from a length to the next block. */
export const padding = (length: number): number => (BLOCK - (length % BLOCK)) % BLOCK;

function pad(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(padding(bytes.length))]);
}

const MAX_USTAR_SIZE = 0o77777777777;

function paxRecords(member: Member, stored: number): Buffer[] {
  const { path, linkTarget, extents } = member;
  const sparse = extents !== undefined;
  return [
    ...(needsBinary(path) || (linkTarget && needsBinary(linkTarget))
      ? [paxRecord('hdrcharset', 'BINARY')]
      : []),
    ...(sparse ? sparseRecords(member) : []),
    ...(!sparse && !fitsUstar(path) ? [paxRecord('path', path)] : []),
    ...(linkTarget && !fitsUstar(linkTarget) ? [paxRecord('linkpath', linkTarget)] : []),
    ...(stored > MAX_USTAR_SIZE ? [paxRecord('size', String(stored))] : []),
    paxRecord('mtime', seconds(member.mtimeNs)),
    paxRecord('atime', seconds(member.atimeNs)),
    paxRecord('ctime', seconds(member.ctimeNs)),
    ...(member.xattrs ?? []).map(([name, value]) =>
      paxRecord(`SCHILY.xattr.${escapeKeyword(name)}`, value),
    ),
  ];
}

function sparseRecords({ path, size }: Member): Buffer[] {
  return [
    paxRecord('GNU.sparse.major', '1'),
    paxRecord('GNU.sparse.minor', '0'),
    paxRecord('GNU.sparse.name', path),
    paxRecord('GNU.sparse.realsize', String(size)),
  ];
}

/** `LENGTH KEY=VALUE\n`, where LENGTH counts itself. */
function paxRecord(key: string, value: Buffer | string): Buffer {
  const rest = Buffer.concat([
    Buffer.from(` ${key}=`, 'latin1'),
    Buffer.from(value),
    Buffer.from('\n'),
  ]);
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length)
    length = String(length).length + rest.length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

/** As GNU tar does: a keyword ends at the first '='. */
const escapeKeyword = (name: Buffer): string =>
  name.toString('latin1').replaceAll('%', '%25').replaceAll('=', '%3D');

const BILLION = 1_000_000_000n;

/** Decimal seconds with nine digits. */
export function seconds(ns: bigint): string {
  const magnitude = ns < 0n ? -ns : ns;
  const fraction = String(magnitude % BILLION).padStart(9, '0');
  return `${ns < 0n ? '-' : ''}${magnitude / BILLION}.${fraction}`;
}

const needsBinary = (name: Buffer): boolean => !Buffer.from(name.toString('utf8')).equals(name);

const USTAR_NAME = 99;

const fitsUstar = (name: Buffer): boolean =>
  name.length <= USTAR_NAME && name.every((byte) => byte >= 0x20 && byte < 0x7f);

/** What a reader without pax sees; the true name is in the extended header. */
function ustarName(name: Buffer): string {
  const text = name.toString('latin1').replace(/[^\x20-\x7e]/g, '_');
  return text.length <= USTAR_NAME ? text : `./${text.slice(2 - USTAR_NAME)}`;
}

type BlockType = MemberType | 'ExtendedHeader';

function block(
  type: BlockType,
  { mode, uid, gid, mtimeNs }: Member,
  { name, size, link }: { name: Buffer; size: number; link?: Buffer | undefined },
): Buffer {
  const wholeSeconds = mtimeNs < 0n ? 0 : Number(mtimeNs / BILLION);
  const header = new Header({
    path: ustarName(name),
    mode,
    uid,
    gid,
    size,
    mtime: new Date(wholeSeconds * 1000),
    type,
    ...(link && { linkpath: ustarName(link) }),
  });
  const bytes = Buffer.alloc(BLOCK);
  header.encode(bytes);
  return bytes;
}

/** How many stretches, then start and length of each, as decimal lines; padded to blocks. */
function sparseMap(extents: readonly Stretch[], size: number): Buffer {
  const last = extents.at(-1);
  const endsInHole = !last || last.start + last.length < size;
  const all = endsInHole ? [...extents, { start: size, length: 0 }] : extents;
  const numbers = all.flatMap(({ start, length }) => [start, length]);
  return pad(Buffer.from(`${[all.length, ...numbers].join('\n')}\n`));
}

/** Blocks that most members have before their content: extended header, its records, header. */
export const encodedOverhead = 3 * BLOCK;
