import type { FileEvent, Place } from '../../fs/index.ts';
import { latin1Of } from '../../latin1.ts';
import { S_IFMT, S_IFREG } from '../../sys/index.ts';
import {
  type FileReplay,
  keyOf,
  type MoveReplay,
  placesOf,
  type Replay,
  type ReplayPlace,
  withoutPlace,
} from './batch.ts';

/** How much may wait. */
export interface QueueLimits {
  /** Of what can be found again by looking at the files. */
  readonly changes: number;
  /** Of what else would be lost, as removals. */
  readonly all: number;
}

/** The first: as many events as the kernel keeps for one watcher (fs.inotify.max_queued_events). */
const LIMITS: QueueLimits = { changes: 16_384, all: 262_144 };
/** So many that were taken last may come back. */
const RETURNED = 64;
/** With so many waiting, what was made and is gone again is not replayed. */
const BACKLOG = 512;

type Change = 'create' | 'modify' | 'attrib' | 'close-write';

/**
 * What each change adds to the replay of its file. What was open for writing is replayed as a file,
 * whatever it is by now: opening a pipe is not like opening a file.
 */
const ADDED: Readonly<Record<Change, Partial<FileReplay>>> = {
  create: { created: true },
  modify: { modified: true },
  attrib: { attributes: true },
  'close-write': { closed: true, type: S_IFREG },
};
const UNCHANGED = { created: false, modified: false, attributes: false, closed: false };

/**
 * Changes that wait to be repeated. What happens to one file while it waits becomes one replay:
 * the more happens, the fewer events come of it.
 */
export class ReplayQueue {
  /** In order; undefined where one was taken, or taken back, and where one may come back. */
  private waiting: (Replay | undefined)[] = Array(RETURNED).fill(undefined);
  /** Where the first is. */
  private start = RETURNED;
  private live = 0;
  /** By name: where the replays about it are, in order. */
  private readonly about = new Map<string, number[]>();
  private readonly limits: QueueLimits;

  constructor(limits = LIMITS) {
    this.limits = limits;
  }

  get size(): number {
    return this.live;
  }

  /** Returns false where there is no room for it. */
  add(event: FileEvent): boolean {
    if (event.kind === 'own') {
      this.forget(placeOf(event.at));
      return true;
    }
    const type = event.mode & S_IFMT;
    if (event.kind === 'move') return this.addMove(event.from, event.to, type);
    const at = placeOf(event.at);
    return event.kind === 'delete'
      ? this.addDelete(at, type)
      : this.addChange(event.kind, at, type);
  }

  private addChange(kind: Change, at: ReplayPlace, type: number): boolean {
    const index = this.about.get(keyOf(at))?.at(-1);
    const last = index === undefined ? undefined : this.waiting[index];
    if (index !== undefined && last?.kind === 'file' && kind !== 'create') {
      this.waiting[index] = { ...last, ...ADDED[kind] };
      return true;
    }
    if (this.live >= this.limits.changes) return false;
    this.push({ kind: 'file', at, type, ...UNCHANGED, ...ADDED[kind] });
    return true;
  }

  private addDelete(at: ReplayPlace, type: number): boolean {
    if (this.live > BACKLOG && this.takeBackMade(at)) return true;
    if (this.live >= this.limits.all) return false;
    this.push({ kind: 'delete', at, type });
    return true;
  }

  /** Takes back that a name was made, where nothing but its content has changed since. */
  private takeBackMade(at: ReplayPlace): boolean {
    const key = keyOf(at);
    const indexes = this.about.get(key) ?? [];
    const index = indexes.at(-1) ?? -1;
    const last = this.waiting[index];
    if (last?.kind !== 'file' || !last.created) return false;
    this.waiting[index] = undefined;
    this.live--;
    indexes.pop();
    if (indexes.length === 0) this.about.delete(key);
    return true;
  }

  private addMove(from: Place | undefined, to: Place | undefined, type: number): boolean {
    if (this.live >= (from ? this.limits.all : this.limits.changes)) return false;
    this.push({ kind: 'move', from: from && placeOf(from), to: to && placeOf(to), type });
    return true;
  }

  private push(replay: Replay): void {
    const index = this.waiting.push(replay) - 1;
    this.live++;
    for (const place of placesOf(replay)) this.indexesOf(keyOf(place)).push(index);
  }

  /** Puts first what is left of a replay that was taken. */
  putBack(replay: MoveReplay): void {
    if (this.start === 0) return;
    this.waiting[--this.start] = replay;
    this.live++;
    for (const place of placesOf(replay)) this.indexesOf(keyOf(place)).unshift(this.start);
  }

  private indexesOf(key: string): number[] {
    const indexes = this.about.get(key) ?? [];
    if (indexes.length === 0) this.about.set(key, indexes);
    return indexes;
  }

  /** What waits about a name is out of date; the other half of a rename is not. */
  private forget(place: ReplayPlace): void {
    const key = keyOf(place);
    const indexes = this.about.get(key) ?? [];
    this.about.delete(key);
    for (const index of indexes) {
      const replay = this.waiting[index];
      const rest = replay && withoutPlace(replay, place);
      this.waiting[index] = rest;
      if (!rest) this.live--;
    }
  }

  /** Takes up to so many replays, oldest first. */
  take(count: number): Replay[] {
    const replays: Replay[] = [];
    while (replays.length < count && this.start < this.waiting.length) {
      const replay = this.waiting[this.start];
      this.waiting[this.start++] = undefined;
      if (!replay) continue;
      this.live--;
      for (const place of placesOf(replay)) this.dropFirst(keyOf(place));
      replays.push(replay);
    }
    if (this.start === this.waiting.length) this.clear();
    return replays;
  }

  private dropFirst(key: string): void {
    const indexes = this.about.get(key);
    if (indexes && indexes.length > 1) indexes.shift();
    else this.about.delete(key);
  }

  /** Whether more is to be replayed of this name. */
  isAbout(place: ReplayPlace): boolean {
    return this.about.has(keyOf(place));
  }

  clear(): void {
    this.waiting = Array(RETURNED).fill(undefined);
    this.start = RETURNED;
    this.live = 0;
    this.about.clear();
  }
}

const placeOf = ({ directory, name }: Place): ReplayPlace => ({ directory, name: latin1Of(name) });
