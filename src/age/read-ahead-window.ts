import type { Slots } from './chunk-cache.ts';
import type { Payload } from './payload.ts';
import type { ReadAhead } from './read-ahead.ts';

/** Chunks that are to be ready, or on their way, before they are asked for. */
const WINDOW = 64;
/** Chunks of one request, at first and at most: so much is read at once. */
const FIRST_BATCH = 4;
const MAX_BATCH = 16;
/** Steps in order before anything is decrypted ahead, and how many chunks a step may skip. */
const PATIENCE = 2;
const STRIDE = 8;

/**
 * Notices when the chunks of a file are asked for in order, and has the next ones decrypted on
 * another thread. Small files are neighbours in the tar, so reading a tree counts as reading in
 * order.
 */
export class ReadAheadWindow {
  private readonly payload: Payload;
  private readonly slots: Slots;
  private readonly ahead: ReadAhead;
  private readonly chunks: number;
  private last = -1;
  private steps = 0;
  /** All chunks before this one were requested. */
  private end = 0;
  private batch = FIRST_BATCH;

  constructor(payload: Payload, chunks: number, slots: Slots, ahead: ReadAhead) {
    this.payload = payload;
    this.chunks = chunks;
    this.slots = slots;
    this.ahead = ahead;
  }

  /** A chunk is asked for. */
  note(chunk: number): void {
    if (chunk === this.last) return;
    const isStep = chunk > this.last && chunk <= this.last + STRIDE;
    // Whoever walks a tree comes back to its directories' own lines between the steps.
    if (!isStep && this.slots.has(chunk)) return;
    this.steps = isStep ? this.steps + 1 : 0;
    this.last = chunk;
    if (!isStep) this.batch = FIRST_BATCH;
    if (this.steps >= PATIENCE) this.requestFrom(chunk + 1);
  }

  private requestFrom(next: number): void {
    const isWithin = this.end > next && this.end <= next + WINDOW;
    const first = isWithin ? this.end : next;
    if (first - next > WINDOW - this.batch) return;
    const slots: number[] = [];
    for (let chunk = first; chunk < Math.min(first + this.batch, this.chunks); chunk++) {
      const slot = this.slots.has(chunk) ? undefined : this.ahead.cache.reserve(this.slots, chunk);
      if (slot === undefined) break;
      slots.push(slot);
    }
    this.end = first + Math.max(slots.length, 1);
    if (slots.length === 0) return;
    this.ahead.request(this.payload, first, slots);
    this.batch = Math.min(2 * this.batch, MAX_BATCH);
  }
}
