import { isUtf8 } from 'node:buffer';
import { nanosecondsOf, type Timespec } from '../../sys/index.ts';
import type { Extent } from '../../tar/index.ts';
import { MAX_NAME } from '../limits.ts';
import type { IndexEntry } from './entry.ts';
import { isEntryName, MAX_32, MAX_MODE } from './entry.ts';

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
 * The name of the line that begins at `at`, where that is the line of an ordinary file and ends
 * within `text`; undefined otherwise. What follows the type is not read.
 */
export function fileNameAt(text: Buffer, at: number): FileName | undefined {
  scanner.start(text, at);
  const name = scanner.fileName();
  if (!name) return undefined;
  name.next = text.indexOf(NEWLINE, name.to) + 1;
  return name.next > 0 ? name : undefined;
}

/** Where a name and its line end. Valid until the next call. */
export interface FileName {
  /** From its first byte to the one behind it. */
  readonly from: number;
  readonly to: number;
  /** The byte behind the line's newline. */
  readonly next: number;
}

/** The same with the attributes of the line, all of which is of that form. */
export function fileAt(text: Buffer, at: number): FileLine | undefined {
  scanner.start(text, at);
  return scanner.fileLine();
}

/** An ordinary file's line in numbers. Valid until the next call. */
export interface FileLine extends FileName {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly nlink: number;
  readonly atime: Timespec;
  readonly mtime: Timespec;
  readonly ctime: Timespec;
}

const NEWLINE = 0x0a;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const ZERO = 0x30;
const SPACE = 0x20;
const SLASH = 0x2f;
const DOT = 0x2e;
const SECONDS_DIGITS = 10;
const NANO_DIGITS = 9;
/** So many digits are a safe integer, whichever they are. */
const SAFE_DIGITS = 15;
const SHA256_DIGITS = 64;

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

/** A position in a line. Each step advances it, or fails for good. */
class Scanner {
  private text: Uint8Array = NAME;
  private at = 0;
  private failed = false;
  private readonly line = {
    from: 0,
    to: 0,
    mode: 0,
    uid: 0,
    gid: 0,
    size: 0,
    nlink: 0,
    atime: { seconds: 0, nanoseconds: 0 },
    mtime: { seconds: 0, nanoseconds: 0 },
    ctime: { seconds: 0, nanoseconds: 0 },
    next: 0,
  };
  private readonly read = { seconds: 0, nanoseconds: 0 };

  start(text: Uint8Array, at = 0): void {
    this.text = text;
    this.at = at;
    this.failed = false;
  }

  fileName() {
    this.expect(NAME);
    const { line } = this;
    line.from = this.at;
    const isAscii = this.skipString();
    line.to = this.at - 1;
    this.expect(FILE);
    if (this.failed || !this.isEntryName(line.from, line.to)) return undefined;
    return isAscii || isUtf8(this.text.subarray(line.from, line.to)) ? line : undefined;
  }

  fileLine(): FileLine | undefined {
    if (!this.fileName()) return undefined;
    const { line } = this;
    line.mode = this.number(MODE, MAX_MODE);
    line.uid = this.number(UID, MAX_32);
    line.gid = this.number(GID, MAX_32);
    line.size = this.number(SIZE);
    line.nlink = this.number(NLINK, MAX_32);
    this.timespec(ATIME, line.atime);
    this.timespec(MTIME, line.mtime);
    this.timespec(CTIME, line.ctime);
    this.number(OFFSET);
    this.expect(SHA256);
    const digest = this.at;
    if (!this.skipString() || this.at - 1 - digest !== SHA256_DIGITS) this.failed = true;
    if (this.meets(MIME) && !this.skipString()) this.failed = true;
    this.expect(END);
    if (this.failed || this.text[this.at] !== NEWLINE) return undefined;
    line.next = this.at + 1;
    return line;
  }

  entry(position: number): IndexEntry | undefined {
    this.expect(NAME);
    const name = this.name();
    const isFile = this.meets(FILE);
    if (!isFile) this.expect(DIRECTORY);
    const mode = this.number(MODE, MAX_MODE);
    const uid = this.number(UID, MAX_32);
    const gid = this.number(GID, MAX_32);
    const size = this.number(SIZE);
    const nlink = this.number(NLINK, MAX_32);
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

  private section(position: number): Extent {
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
  private number(before: Uint8Array, most = Number.MAX_SAFE_INTEGER): number {
    this.expect(before);
    const { at } = this;
    const value = this.digits(SAFE_DIGITS);
    const count = this.at - at;
    if (count === 0 || (count > 1 && this.text[at] === ZERO) || value > most) this.failed = true;
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
    const { read } = this;
    this.timespec(before, read);
    return this.failed ? 0n : nanosecondsOf(read.seconds, read.nanoseconds);
  }

  /** The same in two numbers. */
  private timespec(before: Uint8Array, into: { seconds: number; nanoseconds: number }): void {
    this.expect(before);
    const { at } = this;
    into.seconds = this.digits(SECONDS_DIGITS);
    into.nanoseconds = this.digits(NANO_DIGITS);
    const isWhole = this.at === at + SECONDS_DIGITS + NANO_DIGITS;
    if (!isWhole || this.text[at] === ZERO || this.text[this.at++] !== QUOTE) this.failed = true;
  }

  /** Raw bytes to the closing quote, a copy. */
  private name(): Buffer {
    const from = this.at;
    const isAscii = this.skipString();
    const name = Buffer.from(this.text.subarray(from, this.at - 1));
    if (!isEntryName(name) || (!isAscii && !isUtf8(name))) this.failed = true;
    return name;
  }

  /** The same as `isEntryName`, of what is neither NUL nor any control, without a view of it. */
  private isEntryName(from: number, to: number): boolean {
    const { text } = this;
    const length = to - from;
    if (length === 0 || length > MAX_NAME) return false;
    if (text[from] === DOT && (length === 1 || (length === 2 && text[from + 1] === DOT)))
      return false;
    for (let at = from; at < to; at++) if (text[at] === SLASH) return false;
    return true;
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
