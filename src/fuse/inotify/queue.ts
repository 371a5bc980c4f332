import type { FileEvent, Place } from '../../fs/index.ts';
import { latin1Of } from '../../latin1.ts';
import { S_IFMT } from '../../sys/index.ts';
import {
  type FileReplay,
  type MoveReplay,
  placesOf,
  type Replay,
  type ReplayPlace,
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
/** With so many waiting, what was made and is gone again is not told. */
const BACKLOG = 512;

/** Replays in the making: their flags grow while they wait. */
type Writable<T> = { -readonly [K in keyof T]: T[K] };

/**
 * Changes that wait to be repeated. What happens to one file while it waits becomes one replay:
 * the more happens, the fewer events come of it.
 */
export class ReplayQueue {
  /** In order; undefined where one was taken back. */
  private waiting: (Replay | undefined)[] = [];
  private taken = 0;
  private live = 0;
  /** By name: the last replay about it, while more can be added. */
  private readonly files = new Map<string, Writable<FileReplay> & { index: number }>();
  /** By name: how many replays make, move or remove it. */
  private readonly named = new Map<string, number>();
  private readonly limits: QueueLimits;

  constructor(limits = LIMITS) {
    this.limits = limits;
  }

  get size(): number {
    return this.live;
  }

  /** Returns false where there is no place for it. */
  add(event: FileEvent): boolean {
    if (event.kind === 'move') return this.addMove(event.from, event.to, event.mode & S_IFMT);
    if (event.kind === 'delete') return this.addDelete(event.at, event.mode & S_IFMT);
    return this.addChange(event.kind, event.at, event.mode & S_IFMT);
  }

  private addChange(
    kind: 'create' | 'modify' | 'attrib' | 'close-write',
    place: Place,
    type: number,
  ): boolean {
    const at = placeOf(place);
    const key = keyOf(at);
    const known = kind === 'create' ? undefined : this.files.get(key);
    const file = known ?? this.push(key, at, type);
    if (!file) return false;
    if (kind === 'create') {
      file.created = true;
      this.count(key, 1);
    } else if (kind === 'modify') file.modified = true;
    else if (kind === 'attrib') file.attributes = true;
    else file.closed = true;
    return true;
  }

  private push(key: string, at: ReplayPlace, type: number) {
    if (this.live >= this.limits.changes) return undefined;
    const flags = { created: false, modified: false, attributes: false, closed: false };
    const file = { kind: 'file' as const, at, type, ...flags, index: this.waiting.length };
    this.waiting.push(file);
    this.live++;
    this.files.set(key, file);
    return file;
  }

  private addDelete(place: Place, type: number): boolean {
    const at = placeOf(place);
    const key = keyOf(at);
    const file = this.files.get(key);
    this.files.delete(key);
    if (file?.created && this.live > BACKLOG) {
      this.waiting[file.index] = undefined;
      this.live--;
      this.count(key, -1);
      return true;
    }
    if (this.live >= this.limits.all) return false;
    this.waiting.push({ kind: 'delete', at, type });
    this.live++;
    this.count(key, 1);
    return true;
  }

  private addMove(from: Place | undefined, to: Place | undefined, type: number): boolean {
    const replay: MoveReplay = {
      kind: 'move',
      from: from && placeOf(from),
      to: to && placeOf(to),
      type,
    };
    for (const half of placesOf(replay)) this.files.delete(keyOf(half));
    if (this.live >= (from ? this.limits.all : this.limits.changes)) return false;
    this.waiting.push(replay);
    this.live++;
    for (const half of placesOf(replay)) this.count(keyOf(half), 1);
    return true;
  }

  private count(key: string, by: number): void {
    const count = (this.named.get(key) ?? 0) + by;
    if (count > 0) this.named.set(key, count);
    else this.named.delete(key);
  }

  /** Takes up to so many replays, oldest first. */
  take(count: number): Replay[] {
    const replays: Replay[] = [];
    while (replays.length < count && this.taken < this.waiting.length) {
      const replay = this.waiting[this.taken++];
      if (!replay) continue;
      this.live--;
      this.close(replay);
      replays.push(replay);
    }
    if (this.taken === this.waiting.length) this.clear();
    return replays;
  }

  private close(replay: Replay): void {
    if (replay.kind === 'file') {
      const key = keyOf(replay.at);
      if (this.files.get(key) === replay) this.files.delete(key);
      if (!replay.created) return;
    }
    for (const place of placesOf(replay)) this.count(keyOf(place), -1);
  }

  /** Whether more is to be told of this name. */
  isAbout(place: ReplayPlace): boolean {
    return this.named.has(keyOf(place));
  }

  clear(): void {
    this.waiting = [];
    this.taken = 0;
    this.live = 0;
    this.files.clear();
    this.named.clear();
  }
}

const placeOf = ({ directory, name }: Place): ReplayPlace => ({ directory, name: latin1Of(name) });
const keyOf = ({ directory, name }: ReplayPlace): string => `${directory}/${name}`;
