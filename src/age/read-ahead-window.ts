import type { Places } from './chunk-cache.ts';
import type { Payload } from './payload.ts';
import type { DecryptAhead } from './read-ahead.ts';

/** Chunks that are to be ready, or on their way, before they are asked for. */
const WINDOW = 64;
/** Chunks of one request at most: so much is read at once. */
const BATCH = 16;
/** Steps in order before anything is decrypted ahead, and how many chunks a step may skip. */
const PATIENCE = 2;
const STRIDE = 8;

/**
 * Sees when the chunks of a file are asked for in order, and has the next ones decrypted on another
 * thread. Small files are neighbours in the tar, so reading a tree counts as reading in order.
 */
export class ReadAhead {
  private readonly payload: Payload;
  private readonly places: Places;
  private readonly ahead: DecryptAhead;
  private readonly chunks: number;
  private last = -1;
  private steps = 0;
  /** What was asked for ends before this chunk. */
  private end = 0;
  private batch = 4;

  constructor(payload: Payload, chunks: number, places: Places, ahead: DecryptAhead) {
    this.payload = payload;
    this.chunks = chunks;
    this.places = places;
    this.ahead = ahead;
  }

  /** A chunk is asked for. */
  note(chunk: number): void {
    if (chunk === this.last) return;
    const isStep = chunk > this.last && chunk <= this.last + STRIDE;
    // Who walks a tree comes back to its directories' own lines between the steps.
    if (!isStep && this.places.has(chunk)) return;
    this.steps = isStep ? this.steps + 1 : 0;
    this.last = chunk;
    if (!isStep) this.batch = 4;
    if (this.steps >= PATIENCE) this.prepare(chunk + 1);
  }

  private prepare(next: number): void {
    const isWithin = this.end > next && this.end <= next + WINDOW;
    const first = isWithin ? this.end : next;
    if (first - next > WINDOW - this.batch) return;
    const places: number[] = [];
    for (let chunk = first; chunk < Math.min(first + this.batch, this.chunks); chunk++) {
      const place = this.places.has(chunk)
        ? undefined
        : this.ahead.cache.expect(this.places, chunk);
      if (place === undefined) break;
      places.push(place);
    }
    this.end = first + Math.max(places.length, 1);
    if (places.length === 0) return;
    this.ahead.request(this.payload, first, places);
    this.batch = Math.min(2 * this.batch, BATCH);
  }
}
