import { performance } from 'node:perf_hooks';
import { LRUCache } from 'lru-cache';
import { ChunkCache, ReadAhead } from '../../age/index.ts';
import type { FileKeys } from '../../archive/index.ts';
import { type ArchiveReader, openArchive } from '../../archive/index.ts';
import { Errno, errno } from '../../errno.ts';
import { type Store, type TaskName, taskPaths } from '../../store/index.ts';
import { AT, statAt } from '../../sys/index.ts';
import type { TaskSlots } from '../node-ids.ts';
import type { KeyService } from './key-service.ts';

/** An archive that somebody reads. */
interface Entry {
  readonly reader: ArchiveReader;
  /** Open files that read through it. */
  holders: number;
  /** Since idle ones were closed last; a time would cost more than what it is kept for. */
  isUsed: boolean;
  /** Its place was taken, or it is gone: it is closed once nobody holds it. */
  isEvicted: boolean;
}

/** How many archives stay open. */
const OPEN_LIMIT = 32;
/** How often (milliseconds) those are closed that were not used since the last time. */
const IDLE_MS = 3000;
/** How many tasks' keys are remembered. */
const KEYS_LIMIT = 4096;
/** Decrypted chunks of 64 KiB that are kept, of all archives together: 8 MiB. */
const CHUNKS = 128;

/**
 * Archives opened for reading, by slot. The ones used longest ago are closed, unless files of
 * theirs are open: the disk space of one that was removed is free only then.
 */
export class ArchiveCache {
  private readonly store: Store;
  private readonly slots: TaskSlots;
  private readonly keyService: KeyService;
  private readonly open = new LRUCache<number, Entry>({ max: OPEN_LIMIT, dispose: evict });
  private dueAt = 0;
  private readonly keys = new LRUCache<number, FileKeys>({ max: KEYS_LIMIT });
  private readonly ahead = new ReadAhead(new ChunkCache(CHUNKS));

  constructor(store: Store, slots: TaskSlots, keyService: KeyService) {
    this.store = store;
    this.slots = slots;
    this.keyService = keyService;
  }

  /** The reader, good until the next call. Throws TaskfsError as unlocking and opening do. */
  reader(slot: number): ArchiveReader {
    return this.entry(slot).reader;
  }

  /** The reader, good until `release` is called. */
  hold(slot: number): { readonly reader: ArchiveReader; readonly release: () => void } {
    const entry = this.entry(slot);
    entry.holders++;
    return {
      reader: entry.reader,
      release: () => {
        entry.holders--;
        if (entry.isEvicted && entry.holders === 0) entry.reader.close();
      },
    };
  }

  /** The archive in a slot is gone. */
  forget(slot: number): void {
    this.open.delete(slot);
    this.keys.delete(slot);
  }

  /** Closes what was not used lately. Returns in how many milliseconds to call it again. */
  settle(): number {
    if (this.open.size === 0) return Number.POSITIVE_INFINITY;
    const now = performance.now();
    if (now >= this.dueAt) {
      this.closeUnused();
      this.dueAt = now + IDLE_MS;
    }
    return this.dueAt - now;
  }

  private closeUnused(): void {
    for (const [slot, entry] of [...this.open.entries()]) {
      if (!entry.isUsed && entry.holders === 0) this.open.delete(slot);
      entry.isUsed = false;
    }
  }

  private entry(slot: number): Entry {
    const known = this.open.get(slot);
    if (known) {
      known.isUsed = true;
      return known;
    }
    const { task, ino } = this.slots.ownerOf(slot);
    const { archive } = taskPaths(this.store, task);
    assertStillThere(archive, ino);
    const chunks = { cache: this.ahead.cache, ahead: this.ahead };
    const reader = openArchive(archive, this.keysOf(slot, task), chunks);
    const entry: Entry = { reader, holders: 0, isUsed: true, isEvicted: false };
    this.open.set(slot, entry);
    return entry;
  }

  private keysOf(slot: number, task: TaskName): FileKeys {
    const known = this.keys.get(slot);
    if (known) return known;
    const keys = this.keyService.unlock(task);
    this.keys.set(slot, keys);
    return keys;
  }

  close(): void {
    for (const entry of this.open.values()) entry.holders = 0;
    this.open.clear();
    this.keys.clear();
    this.keyService.close();
    this.ahead.close();
  }
}

function evict(entry: Entry): void {
  entry.isEvicted = true;
  if (entry.holders === 0) entry.reader.close();
}

/**
 * A slot is one archive's: where another took its place, as one with a new index, what is known of
 * the first one's places and keys is not true of it. The next lookup gives a slot of the new one.
 */
function assertStillThere(archive: string, ino: bigint): void {
  const stat = statAt(AT.FDCWD, archive);
  if (stat.ino !== ino) throw Errno.of(errno.ESTALE);
}
