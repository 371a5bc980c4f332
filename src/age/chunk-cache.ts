import { monotonicMs } from '../sys/index.ts';
import { CHUNK } from './payload.ts';

/** The state of a slot of the cache. */
export const SLOT = {
  /** Nothing that may be used. */
  empty: 0,
  /** Another thread is about to fill it. */
  pending: 1,
  ready: 2,
} as const;

/** Longer than any disk takes for one chunk that another thread is to deliver. */
const PATIENCE_MS = 2000;
/** How often a waiting thread checks whether the other is still there. */
const CHECK_MS = 50;

/** The slots of one file's chunks. */
export type Slots = Map<number, number>;

/**
 * Decrypted chunks of any number of files, in shared memory of a fixed size, so that another
 * thread can fill slots ahead of need. Slots are replaced by the clock algorithm: the next one
 * that was not used since the hand last passed it.
 */
export class ChunkCache {
  readonly memory: SharedArrayBuffer;
  /** One of SLOT for each slot. */
  readonly states: Int32Array<SharedArrayBuffer>;
  private readonly owners: ({ readonly slots: Slots; readonly chunk: number } | undefined)[];
  private readonly used: Uint8Array;
  private readonly buffers: Buffer[] = [];
  private hand = 0;
  /** For a chunk that gets no slot. */
  private spare: Buffer | undefined;
  /** A slot that was waited for in vain. */
  private overdue: number | undefined;
  private isFillerAlive: () => boolean = () => true;

  /** `size`: how many chunks it holds. Memory is taken when it is first used. */
  constructor(size: number) {
    this.memory = new SharedArrayBuffer(size * CHUNK);
    this.states = new Int32Array(new SharedArrayBuffer(size * Int32Array.BYTES_PER_ELEMENT));
    this.owners = new Array(size).fill(undefined);
    this.used = new Uint8Array(size);
  }

  /** `isFillerAlive`: whether the thread that fills reserved slots is still there. */
  watch(isFillerAlive: () => boolean): void {
    this.isFillerAlive = isFillerAlive;
  }

  /**
   * A chunk's plaintext in its whole slot, waiting for a pending one; undefined where it is not
   * there.
   */
  get(slots: Slots, chunk: number): Buffer | undefined {
    const slot = slots.get(chunk);
    if (slot === undefined) return undefined;
    if (!this.isReady(slot)) {
      this.disown(slot);
      return undefined;
    }
    this.used[slot] = 1;
    return this.bufferOf(slot);
  }

  /**
   * Has `decrypt` put a chunk's plaintext into a slot and keeps it; undefined where that failed,
   * and nothing is kept. The buffer is good until the next call.
   */
  fill(slots: Slots, chunk: number, decrypt: (into: Buffer) => boolean): Buffer | undefined {
    const slot = this.take(slots, chunk);
    if (slot === undefined) {
      this.spare ??= Buffer.allocUnsafeSlow(CHUNK);
      return decrypt(this.spare) ? this.spare : undefined;
    }
    Atomics.store(this.states, slot, SLOT.empty);
    const buffer = this.bufferOf(slot);
    if (!decrypt(buffer)) {
      this.disown(slot);
      return undefined;
    }
    this.used[slot] = 1;
    Atomics.store(this.states, slot, SLOT.ready);
    return buffer;
  }

  /** A slot for another thread to fill; undefined where all are pending, or it is silent. */
  reserve(slots: Slots, chunk: number): number | undefined {
    if (this.isFillerSilent()) return undefined;
    const slot = this.take(slots, chunk);
    if (slot === undefined) return undefined;
    this.used[slot] = 1;
    Atomics.store(this.states, slot, SLOT.pending);
    return slot;
  }

  /** A file is closed: its chunks may go. */
  drop(slots: Slots): void {
    for (const slot of slots.values()) {
      this.owners[slot] = undefined;
      this.used[slot] = 0;
    }
    slots.clear();
  }

  /** The thread that was to fill slots is gone for good: what is pending never comes. */
  private giveUp(): void {
    for (let slot = 0; slot < this.states.length; slot++) {
      Atomics.compareExchange(this.states, slot, SLOT.pending, SLOT.empty);
    }
  }

  private isReady(slot: number): boolean {
    const end = monotonicMs() + PATIENCE_MS;
    while (Atomics.load(this.states, slot) === SLOT.pending && !this.isFillerSilent()) {
      Atomics.wait(this.states, slot, SLOT.pending, CHECK_MS);
      if (!this.isFillerAlive()) this.giveUp();
      else if (monotonicMs() > end) this.overdue = slot;
    }
    return Atomics.load(this.states, slot) === SLOT.ready;
  }

  /** While a slot is overdue, none of the others is waited for. */
  private isFillerSilent(): boolean {
    return this.overdue !== undefined && Atomics.load(this.states, this.overdue) === SLOT.pending;
  }

  private disown(slot: number): void {
    const owner = this.owners[slot];
    owner?.slots.delete(owner.chunk);
    this.owners[slot] = undefined;
    this.used[slot] = 0;
  }

  private take(slots: Slots, chunk: number): number | undefined {
    const size = this.owners.length;
    for (let step = 0; step < 2 * size; step++) {
      const slot = this.hand;
      this.hand = (slot + 1) % size;
      if (Atomics.load(this.states, slot) === SLOT.pending) continue;
      if (this.used[slot] === 1) {
        this.used[slot] = 0;
        continue;
      }
      const old = this.owners[slot];
      old?.slots.delete(old.chunk);
      this.owners[slot] = { slots, chunk };
      slots.set(chunk, slot);
      return slot;
    }
    return undefined;
  }

  private bufferOf(slot: number): Buffer {
    const buffer = this.buffers[slot] ?? Buffer.from(this.memory, slot * CHUNK, CHUNK);
    this.buffers[slot] = buffer;
    return buffer;
  }
}
