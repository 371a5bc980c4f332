import { performance } from 'node:perf_hooks';
import { CHUNK } from './payload.ts';

/** What is in a place of the cache. */
export const PLACE = {
  /** Nothing that could be read. */
  empty: 0,
  /** Another thread is about to fill it. */
  coming: 1,
  ready: 2,
} as const;

/** Longer than any disk takes for one chunk that another thread waits for. */
const PATIENCE_MS = 2000;
/** How often who waits looks whether the other thread is still there. */
const LOOK_MS = 50;

/** Which chunks of one file are where. */
export type Places = Map<number, number>;

/**
 * Decrypted chunks of any number of files, in a bounded stretch of shared memory, so that another
 * thread can fill places of it ahead of need. A place that is wanted anew is the next one that
 * nobody used since the last turn.
 */
export class ChunkCache {
  readonly memory: SharedArrayBuffer;
  /** One PLACE for each. */
  readonly states: Int32Array<SharedArrayBuffer>;
  private readonly owners: ({ readonly places: Places; readonly chunk: number } | undefined)[];
  private readonly used: Uint8Array;
  private readonly rooms: Buffer[] = [];
  private hand = 0;
  /** For a chunk that finds no place. */
  private spare: Buffer | undefined;
  /** A place that was waited for in vain. */
  private awaited: number | undefined;
  private isFilled: () => boolean = () => true;

  /** `size`: how many chunks there is room for. Memory is taken when it is first used. */
  constructor(size: number) {
    this.memory = new SharedArrayBuffer(size * CHUNK);
    this.states = new Int32Array(new SharedArrayBuffer(size * Int32Array.BYTES_PER_ELEMENT));
    this.owners = new Array(size).fill(undefined);
    this.used = new Uint8Array(size);
  }

  /** `isFilled`: whether the thread that fills places that are expected is still there. */
  watch(isFilled: () => boolean): void {
    this.isFilled = isFilled;
  }

  /** A chunk's plaintext, in a whole chunk's room; undefined where it is not there. Waits for one that is coming. */
  get(places: Places, chunk: number): Buffer | undefined {
    const place = places.get(chunk);
    if (place === undefined) return undefined;
    if (!this.isReady(place)) {
      this.disown(place);
      return undefined;
    }
    this.used[place] = 1;
    return this.room(place);
  }

  /**
   * Has `open` put a chunk's plaintext into its room, and keeps it where that was possible: else, as
   * what is there is nothing to be used, undefined. The room is good until the next call.
   */
  fill(places: Places, chunk: number, open: (room: Buffer) => boolean): Buffer | undefined {
    const place = this.take(places, chunk);
    if (place === undefined) {
      this.spare ??= Buffer.allocUnsafeSlow(CHUNK);
      return open(this.spare) ? this.spare : undefined;
    }
    Atomics.store(this.states, place, PLACE.empty);
    const room = this.room(place);
    if (!open(room)) {
      this.disown(place);
      return undefined;
    }
    this.used[place] = 1;
    Atomics.store(this.states, place, PLACE.ready);
    return room;
  }

  /** A place for a chunk that another thread fills; undefined where all are waited for, or it is silent. */
  expect(places: Places, chunk: number): number | undefined {
    if (this.isSilent()) return undefined;
    const place = this.take(places, chunk);
    if (place === undefined) return undefined;
    this.used[place] = 1;
    Atomics.store(this.states, place, PLACE.coming);
    return place;
  }

  /** A file is closed: its chunks may go. */
  drop(places: Places): void {
    for (const place of places.values()) {
      this.owners[place] = undefined;
      this.used[place] = 0;
    }
    places.clear();
  }

  /** The thread that was to fill places is gone for good: nothing comes any more. */
  giveUp(): void {
    for (let place = 0; place < this.states.length; place++) {
      Atomics.compareExchange(this.states, place, PLACE.coming, PLACE.empty);
    }
  }

  private isReady(place: number): boolean {
    const end = performance.now() + PATIENCE_MS;
    while (Atomics.load(this.states, place) === PLACE.coming && !this.isSilent()) {
      Atomics.wait(this.states, place, PLACE.coming, LOOK_MS);
      if (!this.isFilled()) this.giveUp();
      else if (performance.now() > end) this.awaited = place;
    }
    return Atomics.load(this.states, place) === PLACE.ready;
  }

  /** A place that was waited for in vain still waits: nobody waits for others meanwhile. */
  private isSilent(): boolean {
    return this.awaited !== undefined && Atomics.load(this.states, this.awaited) === PLACE.coming;
  }

  private disown(place: number): void {
    const owner = this.owners[place];
    owner?.places.delete(owner.chunk);
    this.owners[place] = undefined;
    this.used[place] = 0;
  }

  private take(places: Places, chunk: number): number | undefined {
    const size = this.owners.length;
    for (let turn = 0; turn < 2 * size; turn++) {
      const place = this.hand;
      this.hand = (place + 1) % size;
      if (Atomics.load(this.states, place) === PLACE.coming) continue;
      if (this.used[place] === 1) {
        this.used[place] = 0;
        continue;
      }
      const old = this.owners[place];
      old?.places.delete(old.chunk);
      this.owners[place] = { places, chunk };
      places.set(chunk, place);
      return place;
    }
    return undefined;
  }

  private room(place: number): Buffer {
    const room = this.rooms[place] ?? Buffer.from(this.memory, place * CHUNK, CHUNK);
    this.rooms[place] = room;
    return room;
  }
}
