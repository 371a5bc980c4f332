import { CHUNK } from '../../age/index.ts';

/** A tar is encrypted in segments: what one thread encrypts, writes and reads back at once. */
export const SEGMENT_CHUNKS = 16;
export const SEGMENT = SEGMENT_CHUNKS * CHUNK;

/** Segments in memory at once. */
const SLOTS = 16;

/** Threads besides the main one, at most. */
export const MAX_WORKERS = 4;

/** Indexes of 32-bit counters; `done` is the first of one for each worker. */
const AT = { wakeups: 0, over: 1, sealed: 2, files: 3, done: 4 } as const;
const COUNTERS = AT.done + MAX_WORKERS;
/** And for each slot: bytes filled, whether it is full, how many segments were encrypted in it. */
const STATES = COUNTERS + 3 * SLOTS;

/** The memory that all threads of one seal share. */
export interface RingMemory {
  readonly bytes: number;
  readonly plain: SharedArrayBuffer;
  readonly states: SharedArrayBuffer;
}

/** Memory for a tar of so many bytes. */
export function ringMemory(bytes: number): RingMemory {
  const slots = Math.min(SLOTS, Math.ceil(bytes / SEGMENT));
  return {
    bytes,
    plain: new SharedArrayBuffer(slots * SEGMENT),
    states: new SharedArrayBuffer(4 * STATES),
  };
}

/**
 * The part of a tar that is being written, in memory that threads share: a ring of segments. Any
 * thread puts bytes in their places; the one that finds a full segment encrypts and writes it,
 * which frees its slot for a later one.
 */
export class RingBuffer {
  /** Bytes of the tar. */
  readonly bytes: number;
  readonly segments: number;
  private readonly plain: Buffer;
  private readonly states: Int32Array;
  private readonly slots: number;

  constructor({ bytes, plain, states }: RingMemory) {
    this.bytes = bytes;
    this.segments = Math.ceil(bytes / SEGMENT);
    this.plain = Buffer.from(plain);
    this.states = new Int32Array(states);
    this.slots = plain.byteLength / SEGMENT;
  }

  /** Bytes of a segment: only the last has fewer. */
  lengthOf(segment: number): number {
    return Math.min(SEGMENT, this.bytes - segment * SEGMENT);
  }

  /** The bytes of a segment that is in memory. */
  segment(segment: number): Buffer {
    const at = (segment % this.slots) * SEGMENT;
    return this.plain.subarray(at, at + this.lengthOf(segment));
  }

  /** Whether there is space for everything before `end`. */
  hasSpace(end: number): boolean {
    const last = Math.ceil(end / SEGMENT) - 1;
    return last < this.slots || this.isSealed(last - this.slots);
  }

  /** Where to put bytes from `at` on, to the end of their segment at most. */
  place(at: number, length: number): Buffer {
    const within = at % SEGMENT;
    const start = (Math.floor(at / SEGMENT) % this.slots) * SEGMENT + within;
    return this.plain.subarray(start, start + Math.min(length, SEGMENT - within));
  }

  /** Reports that bytes of one segment are in their place. */
  markFilled(at: number, length: number): void {
    const segment = Math.floor(at / SEGMENT);
    const slot = segment % this.slots;
    const now = Atomics.add(this.states, COUNTERS + slot, length) + length;
    if (now < this.lengthOf(segment)) return;
    Atomics.store(this.states, COUNTERS + slot, 0);
    Atomics.store(this.states, COUNTERS + SLOTS + slot, 1);
    this.wakeAll();
  }

  /** Claims a full segment, which the caller then encrypts; undefined where there is none. */
  claimFull(): number | undefined {
    for (let slot = 0; slot < this.slots; slot++) {
      const at = COUNTERS + SLOTS + slot;
      if (Atomics.compareExchange(this.states, at, 1, 0) === 1)
        return slot + this.slots * Atomics.load(this.states, at + SLOTS);
    }
    return undefined;
  }

  /** Reports that a segment is encrypted and written. */
  markSealed(segment: number): void {
    Atomics.add(this.states, COUNTERS + 2 * SLOTS + (segment % this.slots), 1);
    Atomics.add(this.states, AT.sealed, 1);
    this.wakeAll();
  }

  isSealed(segment: number): boolean {
    const rounds = Atomics.load(this.states, COUNTERS + 2 * SLOTS + (segment % this.slots));
    return rounds > Math.floor(segment / this.slots);
  }

  sealedCount(): number {
    return Atomics.load(this.states, AT.sealed);
  }

  /** Counts files whose bytes were put here. */
  countFiles(count: number): void {
    Atomics.add(this.states, AT.files, count);
  }

  fileCount(): number {
    return Atomics.load(this.states, AT.files);
  }

  /** Counts a batch that a worker has put here. */
  batchDone(worker: number): void {
    Atomics.add(this.states, AT.done + worker, 1);
    this.wakeAll();
  }

  batchesDone(worker: number): number {
    return Atomics.load(this.states, AT.done + worker);
  }

  isOver(): boolean {
    return Atomics.load(this.states, AT.over) === 1;
  }

  /** Ends the work of all threads, done or failed. */
  end(): void {
    Atomics.store(this.states, AT.over, 1);
    this.wakeAll();
  }

  /** Wakes every thread that waits. */
  wakeAll(): void {
    Atomics.add(this.states, AT.wakeups, 1);
    Atomics.notify(this.states, AT.wakeups);
  }

  /** How often threads were woken so far. */
  wakeups(): number {
    return Atomics.load(this.states, AT.wakeups);
  }

  /** Waits for a wakeup after those in `seen`, for `limitMs` at most. */
  wait(seen: number, limitMs?: number): void {
    Atomics.wait(this.states, AT.wakeups, seen, limitMs);
  }
}
