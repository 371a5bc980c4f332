import { unlessRefused } from '../../errno.ts';
import { bytesOfLatin1, latin1Of } from '../../latin1.ts';
import {
  IN,
  type InotifyEvent,
  isDirectory,
  listDirectory,
  S_IFDIR,
  S_IFREG,
  withListing,
} from '../../sys/index.ts';
import type { FileEvent, NodeId } from '../file-system.ts';
import type { DirectoryFdCache } from './directory-fd-cache.ts';
import type { Inode } from './inode.ts';
import { KnownNames } from './known-names.ts';

/** So many files at most are looked at for what happened before a directory was observed. */
const LATE_FILES = 1000;
/** So many names are looked at, and events found, before others have their turn. */
const NAMES_AT_ONCE = 500;
const EVENTS_AT_ONCE = 64;
/** How far (milliseconds) file systems' clocks are behind at most. */
const CLOCK_MS = 20;

/**
 * Finds what happened in directories without events of it: what is new or changed by its times,
 * what is gone by the names that were there.
 */
export class DirectoryComparison {
  private readonly directories: DirectoryFdCache;
  private readonly names = new KnownNames();
  /** Since when (milliseconds) events were lost that nobody looks for yet. */
  private missedSince: number | undefined;
  private missing: Iterator<FileEvent | undefined> | undefined;

  constructor(directories: DirectoryFdCache) {
    this.directories = directories;
  }

  /** Remembers the names in a directory from now on. */
  begin(directory: Inode): void {
    unlessRefused(() => {
      const fd = this.directories.descriptor(directory);
      withListing(fd, (list) => this.names.read(directory.id, list));
    });
  }

  end(directory: NodeId): void {
    this.names.forget(directory);
  }

  /**
   * Follows an event of a directory. Returns whether it is news: not the removal of what was found
   * to be gone.
   */
  follow({ id }: Inode, { mask, name }: InotifyEvent): boolean {
    if (name.length === 0) return true;
    if (mask & (IN.CREATE | IN.MOVED_TO)) {
      this.names.add(id, latin1Of(name), (mask & IN.ISDIR) !== 0);
    } else if (mask & (IN.DELETE | IN.MOVED_FROM)) {
      return this.names.remove(id, latin1Of(name)) || (mask & IN.MOVED_FROM) !== 0;
    }
    return true;
  }

  /** What was made or changed in a directory since then (Date.now()). */
  since(directory: Inode, since: number): FileEvent[] {
    const sinceNs = nanoseconds(since);
    return this.namesIn(directory, LATE_FILES).flatMap((name): FileEvent[] => {
      const stat = this.directories.stateOf(directory, name);
      if (!stat || stat.ctimeNs < sinceNs) return [];
      const kind = stat.btimeNs >= sinceNs ? 'create' : 'modify';
      return [{ kind, at: { directory: directory.id, name }, mode: stat.mode }];
    });
  }

  /** These events were lost, and others that happened since then (Date.now()). */
  missed(since: number, events: readonly FileEvent[]): void {
    this.missedSince ??= since;
    this.names.lost();
    for (const event of events) this.keepName(event);
  }

  /** Those who observe do not know that a name is gone. */
  private keepName(event: FileEvent): void {
    if (event.kind !== 'move' && event.kind !== 'delete') return;
    const place = event.kind === 'move' ? event.from : event.at;
    if (!place) return;
    this.names.add(place.directory, latin1Of(place.name), isDirectory(event.mode));
  }

  /**
   * Some of the events that were lost in these directories, as of now; undefined where none is left
   * to look for.
   */
  take(directories: readonly Inode[]): FileEvent[] | undefined {
    if (!this.missing) {
      if (this.missedSince === undefined) return undefined;
      this.missing = this.changes(directories, nanoseconds(this.missedSince - CLOCK_MS));
      this.missedSince = undefined;
    }
    const events: FileEvent[] = [];
    for (let names = 0; names < NAMES_AT_ONCE && events.length < EVENTS_AT_ONCE; names++) {
      const { done, value } = this.missing.next();
      if (value) events.push(value);
      if (!done) continue;
      this.missing = undefined;
      break;
    }
    return events;
  }

  /** Each name in these directories: as an event if it is new, changed or gone, else undefined. */
  private *changes(
    directories: readonly Inode[],
    sinceNs: bigint,
  ): Generator<FileEvent | undefined, undefined> {
    for (const directory of directories) {
      const names = unlessRefused(() => this.namesIn(directory));
      if (!names) continue;
      yield* this.removals(directory, names);
      for (const name of names) yield this.change(directory, name, sinceNs);
    }
  }

  private removals({ id }: Inode, names: readonly Buffer[]): FileEvent[] {
    return this.names.takeGone(id, names).map(({ name, isDirectory }) => ({
      kind: 'delete',
      at: { directory: id, name: bytesOfLatin1(name) },
      mode: isDirectory ? S_IFDIR : S_IFREG,
    }));
  }

  /** What is older than its last change may have come by a rename: the event is one of that. */
  private change(directory: Inode, name: Buffer, sinceNs: bigint): FileEvent | undefined {
    const stat = this.directories.stateOf(directory, name);
    if (!stat || stat.ctimeNs < sinceNs) return undefined;
    const at = { directory: directory.id, name };
    const { mode } = stat;
    this.names.add(directory.id, latin1Of(name), isDirectory(mode));
    if (stat.btimeNs >= sinceNs) return { kind: 'create', at, mode };
    return { kind: 'move', from: undefined, to: at, mode };
  }

  private namesIn(directory: Inode, limit = Number.POSITIVE_INFINITY): Buffer[] {
    return withListing(this.directories.descriptor(directory), (fd) => {
      const names: Buffer[] = [];
      for (const { name } of listDirectory(fd)) {
        if (names.length >= limit) break;
        names.push(name);
      }
      return names;
    });
  }
}

const nanoseconds = (milliseconds: number): bigint => BigInt(milliseconds) * 1_000_000n;
