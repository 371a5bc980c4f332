/** The 512-byte header block of a tar member (POSIX.1-2024 pax, "ustar Interchange Format"). */

export const BLOCK = 512;

export const USTAR_TYPE = {
  File: '0',
  Link: '1',
  SymbolicLink: '2',
  Directory: '5',
  ExtendedHeader: 'x',
} as const;

/** Numbers that do not fit into octal digits are written in base 256, as GNU tar and bsdtar read them. */
export interface UstarFields {
  readonly type: keyof typeof USTAR_TYPE;
  /** Printable ASCII, at most 99 characters; a longer or other true name is in the extended header. */
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

/** What is the same in most blocks of a tree: made once for each mode and owner that follow each other. */
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

/** Returns the sum of the bytes, as all of these. */
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
