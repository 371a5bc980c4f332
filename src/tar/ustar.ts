import { TaskfsError } from '../errors.ts';

/**
 * The 512-byte header block of a tar member (POSIX.1-2024 pax, "ustar Interchange Format"):
 * encoded, and decoded with GNU's forms of names and numbers.
 */

export const BLOCK = 512;

/** Zeros from a length to the next block. */
export const padding = (length: number): number => (BLOCK - (length % BLOCK)) % BLOCK;

export const USTAR_TYPE = {
  File: '0',
  Link: '1',
  SymbolicLink: '2',
  Directory: '5',
  ExtendedHeader: 'x',
} as const;

/**
 * What `writeUstar` encodes. Numbers too large for octal digits are in base 256, as by GNU tar.
 */
export interface UstarFields {
  readonly type: keyof typeof USTAR_TYPE;
  /** Printable ASCII of at most 99 characters; other names are in the extended header. */
  readonly name: string;
  readonly link?: string | undefined;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  /** Whole seconds since 1970, not negative. */
  readonly mtime: number;
}

/** Writes a block at `at`. */
export function writeUstar(into: Buffer, at: number, fields: UstarFields): void {
  const { type, name, link, size, mtime } = fields;
  const { block, sum } = templateOf(fields);
  into.set(block, at);
  let total = sum + writeText(into, at, name);
  if (link) total += writeText(into, at + 157, link);
  total += writeNumber(into, at + 124, 12, size) + writeNumber(into, at + 136, 12, mtime);
  const typeCode = USTAR_TYPE[type].charCodeAt(0);
  into[at + 156] = typeCode;
  writeNumber(into, at + 148, 8, total + typeCode);
}

/** What is the same in most blocks of a tree, encoded once while mode and owner stay the same. */
interface Template {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly block: Buffer;
  /** Of its bytes, with spaces for the checksum. */
  readonly sum: number;
}

let template: Template | undefined;

function templateOf({ mode, uid, gid }: UstarFields): Template {
  if (template?.mode === mode && template.uid === uid && template.gid === gid) return template;
  const block = Buffer.alloc(BLOCK);
  let sum = 8 * SPACE;
  sum += writeNumber(block, 100, 8, mode) + writeNumber(block, 108, 8, uid);
  sum += writeNumber(block, 116, 8, gid) + writeText(block, 257, 'ustar\u000000');
  sum += writeNumber(block, 329, 8, 0) + writeNumber(block, 337, 8, 0);
  template = { mode, uid, gid, block, sum };
  return template;
}

/** Returns the sum of the bytes that it wrote, as the others do. */
function writeText(into: Buffer, at: number, text: string): number {
  let sum = 0;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    into[at + index] = code;
    sum += code;
  }
  return sum;
}

/** Digits, a space and a NUL; a number that needs the space's place takes it. */
function writeNumber(into: Buffer, at: number, width: number, value: number): number {
  if (value < 8 ** (width - 2)) {
    into[at + width - 2] = SPACE;
    return SPACE + writeDigits(into, at, width - 2, value);
  }
  if (value < 8 ** (width - 1)) return writeDigits(into, at, width - 1, value);
  into[at] = 0x80;
  into.writeUIntBE(value, at + width - 6, 6);
  return into.subarray(at, at + width).reduce((sum, byte) => sum + byte, 0);
}

const ZERO = 0x30;
const SPACE = 0x20;

/** Octal digits. */
function writeDigits(into: Buffer, at: number, digits: number, value: number): number {
  let rest = value;
  let sum = ZERO * digits;
  for (let place = at + digits - 1; place >= at; place--) {
    const digit = rest % 8;
    into[place] = ZERO + digit;
    sum += digit;
    rest = (rest - digit) / 8;
  }
  return sum;
}

/** What a member is. A `link` is a further name of a file before it. */
export type TarType =
  | 'file'
  | 'directory'
  | 'symlink'
  | 'link'
  | 'character-device'
  | 'block-device'
  | 'fifo';

/** A decoded header block. */
export interface TarBlock {
  /** The type flag as it is written; `type` is `file` for extended headers. */
  readonly flag: string;
  readonly type: TarType;
  readonly path: Buffer;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes of content that follow. */
  readonly size: number;
  readonly mtimeNs: bigint;
  readonly target: Buffer;
}

const TYPES: ReadonlyMap<string, TarType> = new Map([
  ['0', 'file'],
  ['\0', 'file'],
  ['7', 'file'],
  ['1', 'link'],
  ['2', 'symlink'],
  ['3', 'character-device'],
  ['4', 'block-device'],
  ['5', 'directory'],
  ['6', 'fifo'],
  ['x', 'file'],
  ['g', 'file'],
  ['L', 'file'],
  ['K', 'file'],
]);

const NANOSECONDS = 1_000_000_000n;

/** Decodes the header at byte `at`. Throws `damaged`, `failed` for a type that is not read. */
export function decodeBlock(block: Buffer, at: number): TarBlock {
  if (!hasChecksum(block)) {
    throw new TaskfsError('damaged', `there is no header at byte ${at} of the tar`);
  }
  const flag = String.fromCharCode(block[156] ?? 0);
  const type = TYPES.get(flag);
  if (!type) {
    throw new TaskfsError('failed', `the tar has a member of type '${flag}', which is not read`, {
      hint: 'GNU tar may read it.',
    });
  }
  const path = pathOf(block);
  const number = (from: number, to: number): number => decodeNumber(block.subarray(from, to), at);
  const size = number(124, 136);
  if (size < 0) throw malformed(at);
  return {
    flag,
    type: type === 'file' && path.at(-1) === SLASH ? 'directory' : type,
    path,
    mode: number(100, 108) & 0o7777,
    uid: Math.max(0, number(108, 116)),
    gid: Math.max(0, number(116, 124)),
    size,
    mtimeNs: BigInt(number(136, 148)) * NANOSECONDS,
    target: text(block, 157, 257),
  };
}

const SLASH = 0x2f;

/** Whether a block holds zeros only: so a tar ends. */
export const isZero = (block: Buffer): boolean => block.every((byte) => byte === 0);

/** Only a ustar header has a prefix, for long names; GNU's has other fields there. */
function pathOf(block: Buffer): Buffer {
  const name = text(block, 0, 100);
  const isUstar = block.toString('latin1', 257, 263) === 'ustar\0';
  const prefix = isUstar ? text(block, 345, 500) : Buffer.alloc(0);
  return prefix.length === 0 ? name : Buffer.concat([prefix, Buffer.from('/'), name]);
}

function text(block: Buffer, from: number, to: number): Buffer {
  const field = block.subarray(from, to);
  const end = field.indexOf(0);
  return Buffer.from(end === -1 ? field : field.subarray(0, end));
}

const CHECKSUM = { from: 148, to: 156 };

/** The checksum is the sum of all bytes, its own taken as spaces. */
function hasChecksum(block: Buffer): boolean {
  let sum = 0;
  for (let at = 0; at < BLOCK; at++) {
    const isSum = at >= CHECKSUM.from && at < CHECKSUM.to;
    sum += isSum ? SPACE : (block[at] ?? 0);
  }
  const digits = block.toString('latin1', CHECKSUM.from, CHECKSUM.to);
  const [, octal] = /^ *([0-7]+)[ \0]*$/.exec(digits) ?? [];
  return octal !== undefined && Number.parseInt(octal, 8) === sum;
}

/** Octal digits, or, with the first bit set, a two's complement number (GNU tar's base-256). */
function decodeNumber(field: Buffer, at: number): number {
  const first = field[0] ?? 0;
  if (first & 0x80) return decodeBinary(field, at);
  const digits = field.toString('latin1').replace(/^ +|[ \0]+$/g, '');
  if (digits === '') return 0;
  if (!/^[0-7]+$/.test(digits)) throw malformed(at);
  return Number.parseInt(digits, 8);
}

function decodeBinary(field: Buffer, at: number): number {
  const bits = BigInt(field.length * 8 - 1);
  const value = BigInt(`0x${field.toString('hex')}`);
  const number = Number(BigInt.asIntN(Number(bits), value));
  if (!Number.isSafeInteger(number)) throw malformed(at);
  return number;
}

const malformed = (at: number): TaskfsError =>
  new TaskfsError('damaged', `the header at byte ${at} of the tar is malformed`);

/** Plaintext of a tar, read at any place. */
export interface TarSource {
  /** Bytes. */
  readonly size: number;
  /** Fills `into` from an offset; returns how many bytes there were. Throws `damaged`. */
  read(into: Uint8Array, offset: number): number;
}
