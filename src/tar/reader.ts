import { TaskfsError } from '../errors.ts';
import { MAX_EXTENSION } from './header.ts';
import { type PaxRecords, parsePax, paxNumber, paxTime, paxXattrs } from './pax.ts';
import type { Extent } from './sparse-map.ts';
import { readSparseMap } from './sparse-map.ts';
import type { TarSource } from './ustar.ts';
import { BLOCK, decodeBlock, isZero, padding, type TarBlock, type TarType } from './ustar.ts';

/** One member of a tar. Times are nanoseconds since the epoch. */
export interface TarMember {
  /** As it is written, raw. */
  readonly path: Buffer;
  readonly type: TarType;
  /** mode & 07777 */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes that a reader sees, holes included. */
  readonly size: number;
  readonly atimeNs: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  /** Of a symlink and of a further name: what it points at, raw. */
  readonly target: Buffer;
  /** Where its data begins in the tar, and how much of it is stored there. */
  readonly offset: number;
  readonly stored: number;
  readonly extents: readonly Extent[] | undefined;
  readonly xattrs: readonly (readonly [name: Buffer, value: Buffer])[];
}

/**
 * Reads what is in a tar: ustar, pax with GNU's sparse format 1.0, and GNU's long names, in any
 * order. Contents are skipped. Time and memory are bounded by its size: each step advances a block
 * at least. Throws `damaged` where it is no whole tar, `failed` for a form that is not read.
 */
export function* readTar(source: TarSource): Generator<TarMember> {
  let globals: PaxRecords = new Map();
  for (let at = 0; ; ) {
    const { block, records, at: headerAt } = readHeaders(source, at, globals);
    if (!block) return;
    globals = records.globals;
    const member = makeMember(source, block, headerAt + BLOCK, records);
    yield member;
    at = member.offset + member.stored + padding(member.offset + member.stored);
  }
}

/** What stands before a member's own header. */
interface Announced {
  readonly globals: PaxRecords;
  readonly pax: PaxRecords;
  readonly longName: Buffer | undefined;
  readonly longTarget: Buffer | undefined;
}

/** The next member's header, and where it is; no block at the end of the tar. */
function readHeaders(source: TarSource, from: number, globals: PaxRecords) {
  let records: Announced = { globals, pax: globals, longName: undefined, longTarget: undefined };
  for (let at = from; ; ) {
    const bytes = readExactly(source, at, BLOCK);
    if (isZero(bytes)) return { block: undefined, records, at };
    const block = decodeBlock(bytes, at);
    if (!EXTENSIONS.has(block.flag)) return { block, records, at };
    const content = readExtension(source, block, at);
    records = announce(records, block.flag, content);
    at += BLOCK + content.length + padding(content.length);
  }
}

/** pax headers of one member and of all that follow; GNU's long names and long targets. */
const EXTENSIONS: ReadonlySet<string> = new Set(['x', 'g', 'L', 'K']);

function announce(records: Announced, flag: string, content: Buffer): Announced {
  if (flag === 'L') return { ...records, longName: untilNul(content) };
  if (flag === 'K') return { ...records, longTarget: untilNul(content) };
  const parsed = parsePax(content);
  if (flag === 'x') return { ...records, pax: new Map([...records.globals, ...parsed]) };
  const globals = new Map([...records.globals, ...parsed]);
  return { ...records, globals, pax: new Map([...globals, ...records.pax]) };
}

function untilNul(content: Buffer): Buffer {
  const end = content.indexOf(0);
  return end === -1 ? content : content.subarray(0, end);
}

/** A header of names and attributes is never larger than that; one that says so is no tar. */
function readExtension(source: TarSource, { size }: TarBlock, at: number): Buffer {
  if (size <= MAX_EXTENSION) return readExactly(source, at + BLOCK, size);
  throw new TaskfsError('damaged', `the extended header at byte ${at} of the tar is too large`);
}

function readExactly(source: TarSource, at: number, length: number): Buffer {
  if (at + length <= source.size) {
    const bytes = Buffer.alloc(length);
    if (source.read(bytes, at) === length) return bytes;
  }
  throw truncated(at + length);
}

const truncated = (end: number): TaskfsError =>
  new TaskfsError('damaged', `the tar is truncated: it ends before byte ${end}`);

function makeMember(
  source: TarSource,
  block: TarBlock,
  contentAt: number,
  { pax, longName, longTarget }: Announced,
): TarMember {
  const { type, mode, uid, gid, mtimeNs } = block;
  const time = paxTime(pax, 'mtime') ?? mtimeNs;
  const length = HAS_CONTENT.has(type) ? (paxNumber(pax, 'size') ?? block.size) : 0;
  if (contentAt + length > source.size) throw truncated(contentAt + length);
  const sparse = type === 'file' ? readSparseMap(source, pax, contentAt, length) : undefined;
  return {
    path: pax.get('GNU.sparse.name') ?? pax.get('path') ?? longName ?? block.path,
    type,
    mode,
    uid: paxNumber(pax, 'uid') ?? uid,
    gid: paxNumber(pax, 'gid') ?? gid,
    atimeNs: paxTime(pax, 'atime') ?? time,
    mtimeNs: time,
    ctimeNs: paxTime(pax, 'ctime') ?? time,
    target: pax.get('linkpath') ?? longTarget ?? block.target,
    xattrs: paxXattrs(pax),
    size: sparse?.size ?? length,
    offset: contentAt + (sparse?.mapLength ?? 0),
    stored: length - (sparse?.mapLength ?? 0),
    extents: sparse?.extents,
  };
}

/** A further name may come with the content again; then it is skipped. */
const HAS_CONTENT: ReadonlySet<TarType> = new Set(['file', 'link']);
