import { TaskfsError } from '../errors.ts';
import { BLOCK } from './ustar.ts';

/** What a member is. A `link` is a further name of a file before it. */
export type TarType =
  | 'file'
  | 'directory'
  | 'symlink'
  | 'link'
  | 'character-device'
  | 'block-device'
  | 'fifo';

/** A header block (POSIX.1-2024 pax, "ustar Interchange Format"; GNU's for names and numbers). */
export interface TarBlock {
  /** Its type as it stands there; `type` is `file` for the extensions. */
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

/** Decodes the header at byte `at` of a tar. Throws `damaged`, `failed` for a type that is not read. */
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

/** Whether a block holds zeros only: a tar ends with such. */
export const isZero = (block: Buffer): boolean => block.every((byte) => byte === 0);

/** A GNU header has other things where ustar has the beginning of a long name. */
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

/** The sum of all bytes, those of the sum itself taken as spaces. */
function hasChecksum(block: Buffer): boolean {
  let sum = 0;
  for (let at = 0; at < BLOCK; at++) {
    const isSum = at >= CHECKSUM.from && at < CHECKSUM.to;
    sum += isSum ? 0x20 : (block[at] ?? 0);
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
