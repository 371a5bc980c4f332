import { createHash } from 'node:crypto';
import { TaskfsError } from '../../errors.ts';
import { readFully } from '../../files/index.ts';
import type { FileSeal } from '../seal-record.ts';
import { readThrough } from '../verify/read-through.ts';
import { DirectBuffer, readDirect } from './o-direct.ts';
import type { RingBuffer } from './ring-buffer.ts';
import { SEALED_SEGMENT, type SegmentFile, type Segments } from './segments.ts';

/** What was written reads back differently. */
export class NotAsWritten extends Error {
  /** Where in the file. */
  readonly at: number;
  constructor(at: number) {
    super(`the bytes at ${at} read back differently`);
    this.at = at;
  }
}

/**
 * Decrypts a file that was just written, all of it, and compares it by hash with what was written
 * into it. Returns what seal.json says of it. Throws NotAsWritten.
 */
export async function readBack(
  path: string,
  fileKey: Uint8Array,
  sha256: string,
): Promise<FileSeal> {
  const hash = createHash('sha256');
  const seal = await readThrough(path, fileKey, ({ plain, at }) => {
    if (!plain) throw new NotAsWritten(at);
    hash.update(plain);
  });
  if (hash.digest('hex') !== sha256) throw new NotAsWritten(0);
  return seal;
}

/** The error for a file that is not on the disk as it was written. */
export const readBackError = (path: string, cause: NotAsWritten): TaskfsError =>
  new TaskfsError(
    'failed',
    `what was written to ${path} reads back differently: ${cause.message}`,
    {
      hint: 'The disk may be failing. Nothing was removed.',
      cause,
    },
  );

/** Segments read ahead while one is checked. */
const AHEAD = 3;

/** A segment that is being read. */
interface Reading {
  readonly segment: number;
  readonly sealed: Buffer;
  readonly buffer: DirectBuffer;
  state: 'reading' | 'read' | 'short' | { readonly error: unknown };
  /** Fulfilled when reading has ended, also by an error. */
  settled: Promise<void>;
}

/**
 * Reads a payload back, front to back, as soon as it is written: computes the SHA-256 of the file,
 * and compares what each segment decrypts to with what was encrypted.
 */
export class PayloadReadBack {
  private readonly ring: RingBuffer;
  private readonly segments: Segments;
  private readonly file: SegmentFile;
  private readonly onRead: () => void;
  private readonly hash = createHash('sha256');
  private readonly buffers: DirectBuffer[] = [];
  private readonly readings: Reading[] = [];
  private next = 0;
  private done = 0;

  /** `onRead` is called whenever something may have become ready for `step`. */
  constructor(ring: RingBuffer, segments: Segments, file: SegmentFile, onRead: () => void) {
    this.ring = ring;
    this.segments = segments;
    this.file = file;
    this.onRead = onRead;
    const start = Buffer.alloc(file.start);
    readFully(file.fd, start, 0);
    this.hash.update(start);
  }

  /** Segments that are read back. */
  get count(): number {
    return this.done;
  }

  get isComplete(): boolean {
    return this.done === this.ring.segments;
  }

  /** Checks the next segment, if it has been read. Throws NotAsWritten, or what read(2) throws. */
  step(): boolean {
    this.readAhead();
    const [reading] = this.readings;
    if (!reading || reading.state === 'reading') return false;
    const { segment, sealed, buffer, state } = reading;
    if (typeof state === 'object') throw state.error;
    const isWhole = state === 'read' && this.segments.isAsWritten(segment, sealed);
    if (!isWhole) throw new NotAsWritten(this.segments.positionOf(segment));
    this.hash.update(sealed);
    this.readings.shift();
    this.buffers.push(buffer);
    this.done++;
    this.readAhead();
    return true;
  }

  /** Hexadecimal. */
  digest(): string {
    return this.hash.digest('hex');
  }

  /** Waits until nothing is being read any more. */
  async settle(): Promise<void> {
    await Promise.all(this.readings.map(({ settled }) => settled));
  }

  private readAhead(): void {
    while (this.readings.length < AHEAD && this.next < this.ring.segments) {
      if (!this.ring.isSealed(this.next)) return;
      const segment = this.next++;
      const buffer = this.buffers.pop() ?? new DirectBuffer(SEALED_SEGMENT);
      const position = this.segments.positionOf(segment);
      const sealed = buffer.at(position, this.segments.sizeOf(segment));
      const settled = Promise.resolve();
      const reading: Reading = { segment, sealed, buffer, state: 'reading', settled };
      this.readings.push(reading);
      reading.settled = this.read(reading, position);
    }
  }

  private async read(reading: Reading, position: number): Promise<void> {
    try {
      const isWhole = await readDirect(this.file, reading.sealed, position);
      reading.state = isWhole ? 'read' : 'short';
    } catch (error) {
      reading.state = { error };
    }
    this.onRead();
  }
}
