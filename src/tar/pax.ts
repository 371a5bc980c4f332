import { TaskfsError } from '../errors.ts';

/**
 * Records of a pax extended header (POSIX.1-2024 pax, "pax Extended Header"), read: `LENGTH KEY=VALUE\n`
 * each, where LENGTH counts the whole record. Keys are decoded byte for byte; values stay raw.
 */
export type PaxRecords = ReadonlyMap<string, Buffer>;

const SPACE = 0x20;
const EQUALS = 0x3d;
const NEWLINE = 0x0a;
/** Digits of a length; more than a header can hold. */
const MAX_DIGITS = 10;

/** Parses all records of a header. Throws `damaged`. */
export function parsePax(bytes: Buffer): PaxRecords {
  const records = new Map<string, Buffer>();
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(SPACE, at);
    const length = parseLength(bytes.subarray(at, space === -1 ? at : space));
    const end = at + length;
    const equals = bytes.indexOf(EQUALS, space);
    const isWhole = end <= bytes.length && equals !== -1 && equals < end - 1;
    if (!isWhole || bytes[end - 1] !== NEWLINE) throw malformed();
    records.set(bytes.toString('latin1', space + 1, equals), bytes.subarray(equals + 1, end - 1));
    at = end;
  }
  return records;
}

function parseLength(digits: Buffer): number {
  const text = digits.toString('latin1');
  if (text.length > MAX_DIGITS || !/^[1-9]\d*$/.test(text)) throw malformed();
  return Number(text);
}

const malformed = (): TaskfsError =>
  new TaskfsError('damaged', 'an extended header of the tar is malformed');

const BILLION = 1_000_000_000n;

/** Decimal seconds, to the nanosecond; undefined where there are none. Throws `damaged`. */
export function paxTime(records: PaxRecords, key: string): bigint | undefined {
  const text = records.get(key)?.toString('latin1');
  if (text === undefined) return undefined;
  const [, sign, whole, fraction = ''] = /^(-?)(\d{1,19})(?:\.(\d*))?$/.exec(text) ?? [];
  if (whole === undefined) throw malformed();
  const magnitude = BigInt(whole) * BILLION + BigInt(fraction.slice(0, 9).padEnd(9, '0'));
  return sign === '-' ? -magnitude : magnitude;
}

/** A decimal number; undefined where there is none. Throws `damaged`. */
export function paxNumber(records: PaxRecords, key: string): number | undefined {
  const text = records.get(key)?.toString('latin1');
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!/^\d{1,16}$/.test(text) || !Number.isSafeInteger(value)) throw malformed();
  return value;
}

const XATTR = 'SCHILY.xattr.';

/** The user.* attributes. GNU tar writes `%` and `=` in names as `%25` and `%3D`. */
export function paxXattrs(records: PaxRecords): (readonly [name: Buffer, value: Buffer])[] {
  return [...records]
    .filter(([key]) => key.startsWith(`${XATTR}user.`))
    .map(([key, value]) => [
      Buffer.from(unescapeKeyword(key.slice(XATTR.length)), 'latin1'),
      value,
    ]);
}

const unescapeKeyword = (name: string): string =>
  name.replace(/%25|%3D/g, (code) => (code === '%25' ? '%' : '='));
