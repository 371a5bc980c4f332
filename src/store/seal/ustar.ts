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

/** Writes a block at `at`, where `into` holds zeros. */
export function writeUstar(into: Buffer, at: number, fields: UstarFields): void {
  const { type, name, link, mode, uid, gid, size, mtime } = fields;
  into.write(name, at, 100, 'latin1');
  writeNumber(into, at + 100, 8, mode);
  writeNumber(into, at + 108, 8, uid);
  writeNumber(into, at + 116, 8, gid);
  writeNumber(into, at + 124, 12, size);
  writeNumber(into, at + 136, 12, mtime);
  into.write(USTAR_TYPE[type], at + 156, 1, 'latin1');
  if (link) into.write(link, at + 157, 100, 'latin1');
  writeNumber(into, at + 148, 8, checksum(into, at, link !== undefined));
  into.set(MAGIC, at + 257);
  into.set(NO_DEVICE, at + 329);
}

/** Digits, a space and a NUL; a number that needs the space's place takes it. */
function writeNumber(into: Buffer, at: number, width: number, value: number): void {
  if (value < 8 ** (width - 2)) {
    writeDigits(into, at, width - 2, value);
    into[at + width - 2] = SPACE;
  } else if (value < 8 ** (width - 1)) writeDigits(into, at, width - 1, value);
  else {
    into[at] = 0x80;
    into.writeUIntBE(value, at + width - 6, 6);
  }
}

const ZERO = 0x30;
const SPACE = 0x20;

/** Octal digits; the byte behind them stays zero. */
function writeDigits(into: Buffer, at: number, digits: number, value: number): void {
  let rest = value;
  for (let place = at + digits - 1; place >= at; place--) {
    into[place] = ZERO + (rest % 8);
    rest = Math.floor(rest / 8);
  }
}

const MAGIC = Buffer.from('ustar\u000000', 'latin1');
/** devmajor and devminor. */
const NO_DEVICE = Buffer.from('000000 \u0000000000 \u0000', 'latin1');

const sumOf = (bytes: Uint8Array): number => bytes.reduce((sum, byte) => sum + byte, 0);

/** What every block adds to its checksum: magic, device, and spaces in the place of the checksum itself. */
const CONSTANT_SUM = sumOf(MAGIC) + sumOf(NO_DEVICE) + 8 * SPACE;

/** The sum of a block's bytes (but for the constant ones, only fields up to the link are in use). */
function checksum(block: Buffer, at: number, hasLink: boolean): number {
  let sum = CONSTANT_SUM;
  const end = at + (hasLink ? 257 : 157);
  for (let place = at; place < end; place++) sum += block[place] ?? 0;
  return sum;
}
