import { isUtf8 } from 'node:buffer';
import type { IndexEntry } from './index-entry.ts';
import type { Stretch } from './stretch.ts';

/**
 * Reads the lines of ordinary files and directories as `encodeEntry` writes them, several times
 * faster than JSON.parse: a listing of a large directory is mostly this. What has another form
 * (links, symlinks, holes, attributes, escaped names) is left to the parser of all JSON.
 */

/** The entry on a line, or undefined where the line is not of that form. */
export function scanLine(text: Uint8Array, position: number): IndexEntry | undefined {
  scanner.start(text);
  return scanner.entry(position);
}

/**
 * Where in `text` the name of the line that begins at `at` lies, where that is the line of an ordinary
 * file; undefined otherwise. What follows the type is not looked at.
 */
export function fileNameAt(text: Uint8Array, at: number): FileNamePlace | undefined {
  scanner.start(text, at);
  return scanner.fileNamePlace();
}

/** From the first byte of a name to the one behind it. Good until the next call of `fileNameAt`. */
export interface FileNamePlace {
  readonly from: number;
  readonly to: number;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const ZERO = 0x30;
const SPACE = 0x20;
const SECONDS_DIGITS = 10;
const NANO_DIGITS = 9;
/** So many digits are a safe integer, whichever they are. */
const SAFE_DIGITS = 15;
const SHA256_DIGITS = 64;
const BILLION = 1_000_000_000n;

const NAME = Buffer.from('{"name":"');
const FILE = Buffer.from(',"type":"file"');
const DIRECTORY = Buffer.from(',"type":"directory"');
const MODE = Buffer.from(',"mode":');
const UID = Buffer.from(',"uid":');
const GID = Buffer.from(',"gid":');
const SIZE = Buffer.from(',"size":');
const NLINK = Buffer.from(',"nlink":');
const ATIME = Buffer.from(',"atime":"');
const MTIME = Buffer.from(',"mtime":"');
const CTIME = Buffer.from(',"ctime":"');
const OFFSET = Buffer.from(',"offset":');
const SHA256 = Buffer.from(',"sha256":"');
const MIME = Buffer.from(',"mime":"');
const SECTION = Buffer.from(',"section":[');
const COMMA = Buffer.from(',');
const END = Buffer.from('}');
const END_OF_LIST = Buffer.from(']');

/** A place in a line. Each step moves it on, or fails for good. */
class Scanner {
  private text: Uint8Array = NAME;
  private at = 0;
  private failed = false;
  private readonly place = { from: 0, to: 0 };
  /** Of the time read last: neighbours are often of the same second. */
  private seconds = 0;
  private secondsNs = 0n;

  start(text: Uint8Array, at = 0): void {
    this.text = text;
    this.at = at;
    this.failed = false;
  }

  fileNamePlace(): FileNamePlace | undefined {
    this.expect(NAME);
    const { place } = this;
    place.from = this.at;
    const isAscii = this.skipString();
    place.to = this.at - 1;
    this.expect(FILE);
    if (this.failed) return undefined;
    return isAscii || isUtf8(this.text.subarray(place.from, place.to)) ? place : undefined;
  }

  entry(position: number): IndexEntry | undefined {
    this.expect(NAME);
    const name = this.name();
    const isFile = this.meets(FILE);
    if (!isFile) this.expect(DIRECTORY);
    const mode = this.number(MODE);
    const uid = this.number(UID);
    const gid = this.number(GID);
    const size = this.number(SIZE);
    const nlink = this.number(NLINK);
    const atimeNs = this.time(ATIME);
    const mtimeNs = this.time(MTIME);
    const ctimeNs = this.time(CTIME);
    const type = isFile ? 'file' : 'directory';
    const offset = isFile ? this.number(OFFSET) : undefined;
    const sha256 = isFile ? this.sha256() : undefined;
    const mime = isFile && this.meets(MIME) ? this.string() : undefined;
    const section = isFile ? undefined : this.section(position);
    this.expect(END);
    if (this.failed || this.at !== this.text.length) return undefined;
    const common = { position, name, mode, uid, gid, size, nlink, atimeNs, mtimeNs, ctimeNs };
    if (section) return { ...common, type, section };
    if (mime === undefined) return { ...common, type, offset, sha256 } as IndexEntry;
    return { ...common, type, offset, sha256, mime } as IndexEntry;
  }

  private sha256(): string {
    this.expect(SHA256);
    const digest = this.string();
    if (digest.length !== SHA256_DIGITS) this.failed = true;
    return digest;
  }

  private section(position: number): Stretch {
    const start = this.number(SECTION);
    const length = this.number(COMMA);
    this.expect(END_OF_LIST);
    if (start + length > position) this.failed = true;
    return { start, length };
  }

  private meets(literal: Uint8Array): boolean {
    const { text, at } = this;
    for (let i = 0; i < literal.length; i++) if (text[at + i] !== literal[i]) return false;
    this.at += literal.length;
    return true;
  }

  private expect(literal: Uint8Array): void {
    if (!this.meets(literal)) this.failed = true;
  }

  /** Digits as JSON has them, after a literal. */
  private number(before: Uint8Array): number {
    this.expect(before);
    const { at } = this;
    const value = this.digits(SAFE_DIGITS);
    const count = this.at - at;
    if (count === 0 || (count > 1 && this.text[at] === ZERO)) this.failed = true;
    return value;
  }

  /** At most `limit` digits. */
  private digits(limit: number): number {
    let value = 0;
    const end = this.at + limit;
    for (; this.at < end; this.at++) {
      const digit = (this.text[this.at] ?? 0) - ZERO;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
    }
    return value;
  }

  /** Nanoseconds since 1970, of 19 digits: every time from 2001 to 2286. */
  private time(before: Uint8Array): bigint {
    this.expect(before);
    const { at } = this;
    const seconds = this.digits(SECONDS_DIGITS);
    const nanoseconds = this.digits(NANO_DIGITS);
    const isWhole = this.at === at + SECONDS_DIGITS + NANO_DIGITS;
    if (!isWhole || this.text[at] === ZERO || this.text[this.at++] !== QUOTE) this.failed = true;
    if (this.failed) return 0n;
    if (seconds !== this.seconds) {
      this.seconds = seconds;
      this.secondsNs = BigInt(seconds) * BILLION;
    }
    return this.secondsNs + BigInt(nanoseconds);
  }

  /** Raw bytes to the closing quote, a copy. */
  private name(): Buffer {
    const from = this.at;
    const isAscii = this.skipString();
    const name = Buffer.from(this.text.subarray(from, this.at - 1));
    if (!isAscii && !isUtf8(name)) this.failed = true;
    return name;
  }

  /** ASCII text to the closing quote. */
  private string(): string {
    const from = this.at;
    if (!this.skipString()) this.failed = true;
    return Buffer.prototype.latin1Slice.call(this.text, from, this.at - 1);
  }

  /** Moves behind the closing quote; returns whether what it passed was ASCII. */
  private skipString(): boolean {
    const { text } = this;
    let all = 0;
    for (; this.at < text.length; this.at++) {
      const byte = text[this.at] ?? 0;
      if (byte === QUOTE) {
        this.at++;
        return all < 0x80;
      }
      if (byte === BACKSLASH || byte < SPACE) break;
      all |= byte;
    }
    this.failed = true;
    return false;
  }
}

const scanner = new Scanner();
