import { closeSync, constants, fstatSync, ftruncateSync, openSync, readSync } from 'node:fs';
import { unlessMissing } from '../errno.ts';
import { writeFully } from '../files/index.ts';

/**
 * When which byte of a task's log came: `log.times` beside it. Plain, also after the log was
 * sealed: it says how much came when, and nothing of what. After a first line that names the format
 * comes an entry wherever later bytes begin: how many bytes and how many milliseconds it is beyond
 * the one before, the first beyond 0 and 1970. Both are LEB128 numbers, the second one signed in
 * zigzag form, for a clock may be set back. An entry is written before the bytes that it is of: a
 * crash leaves at most an incomplete one at the end, or one that the next replaces.
 */
const HEADER = Buffer.from('taskfs log times 1\n');

/** Bytes that come sooner than this after an entry, in milliseconds, have its time. */
const RESOLUTION_MS = 10;

/** Times of a log that is being written. */
export interface LogTimesWriter extends Disposable {
  /** Bytes come now, from this offset of the log on. Never throws: a full disk costs times. */
  note(offset: number): void;
}

/** Opens the times of a log to append to them. */
export function openLogTimes(path: string, now: () => number = Date.now): LogTimesWriter {
  const { O_RDWR, O_CREAT, O_NOFOLLOW } = constants;
  const fd = openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600);
  const before = new Decoder(fd);
  before.readOn();
  let { offset, time, end } = before;
  if (end === 0) end = append(fd, HEADER, 0);
  ftruncateSync(fd, end);
  return {
    note(next) {
      const at = now();
      if (Math.abs(at - time) < RESOLUTION_MS) return;
      const entry = Buffer.from([...unsigned(next - offset), ...signed(at - time)]);
      const written = append(fd, entry, end);
      // The next entry is told from the last one that is there.
      if (written === end) return;
      [offset, time, end] = [next, at, written];
    },
    [Symbol.dispose]: () => closeSync(fd),
  };
}

/** Returns where the next entry goes: what was not written whole is written over. */
function append(fd: number, bytes: Buffer, end: number): number {
  try {
    writeFully(fd, bytes, end);
    return end + bytes.length;
  } catch {
    return end;
  }
}

function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) + 0x80);
  return [...bytes, rest];
}

const signed = (value: number): number[] => unsigned(value < 0 ? -2 * value - 1 : 2 * value);

/** Reads entries, as many as are whole, and more when there are more. */
class Decoder {
  readonly offsets: number[] = [];
  readonly times: number[] = [];
  /** Of the last entry. */
  offset = 0;
  time = 0;
  /** Where it ends; 0 before the header. */
  end = 0;
  private readonly fd: number;

  constructor(fd: number) {
    this.fd = fd;
  }

  readOn(): void {
    const bytes = Buffer.alloc(Math.max(0, fstatSync(this.fd).size - this.end));
    const length = readSync(this.fd, bytes, 0, bytes.length, this.end);
    let at = 0;
    if (this.end === 0) {
      if (!bytes.subarray(0, HEADER.length).equals(HEADER)) return;
      at = HEADER.length;
      this.end = at;
    }
    for (;;) {
      const further = decode(bytes, at, length);
      const later = further && decode(bytes, further.next, length);
      if (!later) return;
      const { value } = later;
      this.offset += further.value;
      this.time += value % 2 === 0 ? value / 2 : -(value + 1) / 2;
      this.offsets.push(this.offset);
      this.times.push(this.time);
      this.end += later.next - at;
      at = later.next;
    }
  }
}

/** Undefined where it is not whole. */
function decode(bytes: Buffer, from: number, end: number) {
  let value = 0;
  let factor = 1;
  for (let at = from; at < end; at++) {
    const byte = bytes[at] ?? 0;
    value += (byte % 0x80) * factor;
    if (byte < 0x80) return { value, next: at + 1 };
    factor *= 0x80;
  }
  return undefined;
}

/** The times of a log; milliseconds since 1970. */
export class LogTimes implements Disposable {
  private readonly fd: number;
  private readonly entries: Decoder;

  /** Undefined where none were recorded, as by older versions. */
  static open(path: string): LogTimes | undefined {
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW;
    const fd = unlessMissing(() => openSync(path, flags));
    return fd === undefined ? undefined : new LogTimes(fd);
  }

  private constructor(fd: number) {
    this.fd = fd;
    this.entries = new Decoder(fd);
    this.readOn();
  }

  /** Reads what was recorded meanwhile. */
  readOn(): void {
    this.entries.readOn();
  }

  /** When the byte at an offset came; undefined where that is not known. */
  timeAt(offset: number): number | undefined {
    const { offsets, times } = this.entries;
    let [low, high] = [0, offsets.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((offsets[middle] ?? 0) <= offset) low = middle + 1;
      else high = middle;
    }
    return times[low - 1];
  }

  /** Where the first byte is that came at that time or later; infinity: none did. */
  firstFrom(time: number): number {
    return this.offsetOf((each) => each >= time);
  }

  /** Where the first byte is that came later; infinity: none did. */
  firstAfter(time: number): number {
    return this.offsetOf((each) => each > time);
  }

  private offsetOf(isWanted: (time: number) => boolean): number {
    const index = this.entries.times.findIndex(isWanted);
    return this.entries.offsets[index] ?? Number.POSITIVE_INFINITY;
  }

  [Symbol.dispose](): void {
    closeSync(this.fd);
  }
}
