import { TaskfsError } from '../errors.ts';

/**
 * Records of a pax extended header (POSIX.1-2024 pax, "pax Extended Header"), encoded and decoded:
 * `LENGTH KEY=VALUE\n` each, where LENGTH counts the whole record.
 */

/** A record to be written: its keyword, and its value, raw bytes or ASCII. */
export type PaxRecord = readonly [key: string, value: Buffer | string];

/** Records that were read. Keywords are latin1, a character for each byte; values are raw. */
export type PaxRecords = ReadonlyMap<string, Buffer>;

/** How many bytes records take. */
export const recordsLength = (records: readonly PaxRecord[]): number =>
  records.reduce((sum, [key, value]) => sum + recordLength(key, value), 0);

/** The length of a record, which counts its own digits. */
function recordLength(key: string, { length }: Buffer | string): number {
  const rest = key.length + length + 3;
  let digits = 1;
  while (rest + digits >= 10 ** digits) digits++;
  return rest + digits;
}

/** Writes records at `start`; returns where they end. Neighbours in ASCII are written at once. */
export function writeRecords(into: Buffer, start: number, records: readonly PaxRecord[]): number {
  let at = start;
  let text = '';
  const flush = (): void => {
    if (text) at += into.write(text, at, 'latin1');
    text = '';
  };
  for (const [key, value] of records) {
    text += `${recordLength(key, value)} ${key}=`;
    if (typeof value === 'string') text += `${value}\n`;
    else {
      flush();
      into.set(value, at);
      at += value.length;
      text = '\n';
    }
  }
  flush();
  return at;
}

const XATTR = 'SCHILY.xattr.';

/**
 * The keyword of an attribute. Keywords end at the first '=', which is escaped as GNU tar does.
 */
export const xattrKeyword = (name: Buffer): string =>
  `${XATTR}${name.toString('latin1').replaceAll('%', '%25').replaceAll('=', '%3D')}`;

const BILLION = 1_000_000_000n;
const NANO_DIGITS = 9;

/** A time in decimal seconds, with nine digits behind the point. */
export function formatTime(ns: bigint): string {
  if (ns >= BILLION) {
    const digits = String(ns);
    return `${digits.slice(0, -NANO_DIGITS)}.${digits.slice(-NANO_DIGITS)}`;
  }
  const magnitude = ns < 0n ? -ns : ns;
  const fraction = String(magnitude % BILLION).padStart(NANO_DIGITS, '0');
  return `${ns < 0n ? '-' : ''}${magnitude / BILLION}.${fraction}`;
}

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

/** Decimal seconds, to the nanosecond; undefined where there are none. Throws `damaged`. */
export function paxTime(records: PaxRecords, key: string): bigint | undefined {
  const text = records.get(key)?.toString('latin1');
  if (text === undefined) return undefined;
  const [, sign, whole, fraction = ''] = /^(-?)(\d{1,19})(?:\.(\d*))?$/.exec(text) ?? [];
  if (whole === undefined) throw malformed();
  const magnitude =
    BigInt(whole) * BILLION + BigInt(fraction.slice(0, NANO_DIGITS).padEnd(NANO_DIGITS, '0'));
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

/** The user.* attributes. */
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
