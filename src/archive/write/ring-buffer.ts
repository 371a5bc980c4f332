import { CHUNK } from '../../age/index.ts';

/** A tar is sealed by segments: what one thread encrypts, writes and reads back at once. */
export const SEGMENT_CHUNKS = 16;
export const SEGMENT = SEGMENT_CHUNKS * CHUNK;

/** Segments that are in memory at once: this bounds it. */
const SLOTS = 16;

/** Threads besides the main one. */
export const MAX_WORKERS = 4;

/** What is counted, one 32-bit number each; `done` is the first of as many as there may be threads. */
const AT = { bell: 0, over: 1, sealed: 2, files: 3, done: 4 } as const;
const COUNTERS = AT.done + MAX_WORKERS;
/** For each slot: bytes filled, whether it waits to be sealed, how many segments were sealed in it. */
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
 * thread puts bytes at their places; whoever finds a full segment seals it, which makes room for the one that
 * comes a ring later.
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

  /** The bytes of a segment that is in the window. */
  segment(segment: number): Buffer {
    const at = (segment % this.slots) * SEGMENT;
    return this.plain.subarray(at, at + this.lengthOf(segment));
  }

  /** Whether everything before `end` may be put. */
  hasSpace(end: number): boolean {
    const last = Math.ceil(end / SEGMENT) - 1;
    return last < this.slots || this.isSealed(last - this.slots);
  }

  /** Where to put bytes from `at` on, no further than their segment goes. */
  place(at: number, length: number): Buffer {
    const within = at % SEGMENT;
    const start = (Math.floor(at / SEGMENT) % this.slots) * SEGMENT + within;
    return this.plain.subarray(start, start + Math.min(length, SEGMENT - within));
  }

  /** Says that bytes of one segment are in their place. */
  filled(at: number, length: number): void {
    const segment = Math.floor(at / SEGMENT);
    const slot = segment % this.slots;
    const now = Atomics.add(this.states, COUNTERS + slot, length) + length;
    if (now < this.lengthOf(segment)) return;
    Atomics.store(this.states, COUNTERS + slot, 0);
    Atomics.store(this.states, COUNTERS + SLOTS + slot, 1);
    this.ring();
  }

  /** A full segment, which is the caller's to seal; undefined where there is none. */
  claimFull(): number | undefined {
    for (let slot = 0; slot < this.slots; slot++) {
      const at = COUNTERS + SLOTS + slot;
      if (Atomics.compareExchange(this.states, at, 1, 0) === 1)
        return slot + this.slots * Atomics.load(this.states, at + SLOTS);
    }
    return undefined;
  }

  /** Says that a segment is sealed and written. */
  sealed(segment: number): void {
    Atomics.add(this.states, COUNTERS + 2 * SLOTS + (segment % this.slots), 1);
    Atomics.add(this.states, AT.sealed, 1);
    this.ring();
  }

  isSealed(segment: number): boolean {
    const rounds = Atomics.load(this.states, COUNTERS + 2 * SLOTS + (segment % this.slots));
    return rounds > Math.floor(segment / this.slots);
  }

  sealedCount(): number {
    return Atomics.load(this.states, AT.sealed);
  }

  /** Counts files that are in the window, sealed or not. */
  countFiles(count: number): void {
    Atomics.add(this.states, AT.files, count);
  }

  fileCount(): number {
    return Atomics.load(this.states, AT.files);
  }

  /** Counts a batch that a thread filled. */
  batchDone(thread: number): void {
    Atomics.add(this.states, AT.done + thread, 1);
    this.ring();
  }

  batchesDone(thread: number): number {
    return Atomics.load(this.states, AT.done + thread);
  }

  isOver(): boolean {
    return Atomics.load(this.states, AT.over) === 1;
  }

  /** Nothing more is to be done, be it that all is or that it failed. */
  end(): void {
    Atomics.store(this.states, AT.over, 1);
    this.ring();
  }

  /** Wakes every thread that waits. */
  ring(): void {
    Atomics.add(this.states, AT.bell, 1);
    Atomics.notify(this.states, AT.bell);
  }

  bell(): number {
    return Atomics.load(this.states, AT.bell);
  }

  /** Waits for the bell, which was last heard as `heard`; `bound` in milliseconds. */
  wait(heard: number, bound?: number): void {
    Atomics.wait(this.states, AT.bell, heard, bound);
  }
}
