import { Errno } from '../../errno.ts';
import { bytesOfLatin1, latin1Of } from '../../latin1.ts';
import { IN, Inotify, type InotifyEvent } from '../../sys/index.ts';
import type { NodeId } from '../file-system.ts';
import type { DirectoryFdCache } from './directory-fd-cache.ts';
import type { Inode } from './inode.ts';
import { isLocal } from './local-file-systems.ts';
import { OwnNameEvents } from './own-events.ts';
import {
  addLease,
  areNamesChanging,
  isQuiet,
  LEASE_MS,
  newlyWatched,
  noteForeignChange,
  noteOwnChange,
  type Observer,
  revokeLeases,
  UNWATCHABLE,
  type WatchedDirectory,
} from './watched-directory.ts';

/** Each watch pins an inode in the kernel, and a user has a limited number of them. */
const WATCH_LIMIT = 16384;

const NAMES = IN.MOVED_FROM | IN.MOVED_TO | IN.CREATE | IN.DELETE;
/** What leaves something else behind a name, or nothing. */
const REPLACEMENTS = IN.MOVED_FROM | IN.MOVED_TO | IN.DELETE;
const CHANGES = NAMES | IN.MODIFY | IN.ATTRIB | IN.ONLYDIR;
/** What is asked for as well where changes are not only to revoke leases. */
const OBSERVED = IN.CLOSE_WRITE;
/** And where it matters who may be writing. */
const OPENS = IN.OPEN | IN.CLOSE_WRITE;

/** A lease that is revoked: the name changed in some way; no directory: anything may have. */
export interface RevokedLease {
  readonly directory: Inode | undefined;
  readonly name: Buffer;
}

/** Somebody has opened a file of a watched directory, or closed one that was open for writing. */
export interface OpenedBeneath {
  readonly directory: Inode;
  readonly watch: number;
  /** Raw bytes as latin1. */
  readonly name: string;
  /** IN.OPEN or IN.CLOSE_WRITE. */
  readonly kind: number;
}

/** What inotify has reported. */
export interface Reported {
  readonly revoked: readonly RevokedLease[];
  readonly opened: readonly OpenedBeneath[];
}

/**
 * Leases on names and attributes of live directories. In a directory that only the mount changes,
 * the kernel may cache them for a while: a change made beneath is noticed (inotify), and the lease
 * is revoked. Where files change now there are no leases, and every stat(2) is a request. After
 * any change a directory counts as busy for a while, so that whoever works in it from both sides
 * at once never sees what is old; only a long row of changes by the mount alone shows that nobody
 * does.
 */
export class CacheLeases {
  private readonly inotify = new Inotify();
  private readonly directories: DirectoryFdCache;
  private readonly watches = new Map<NodeId, WatchedDirectory>();
  private readonly byId = new Map<number, Inode>();
  private readonly ownEvents = new OwnNameEvents();
  private readonly others = new Map<number, Observer>();
  /** By device: whether its file system is one on which inotify reports every change. */
  private readonly local = new Map<bigint, boolean>();
  /** Those of which something is leased, or was until a while ago. */
  private readonly leased = new Set<WatchedDirectory>();
  private due: RevokedLease[] = [];
  /** When (Date.now()) events were read last, and the time before. */
  private readAt = Date.now();
  private readBefore = this.readAt;
  private reportLoss: () => void = () => {};
  private isHeldBack = false;
  private opened = new Map<string, OpenedBeneath>();

  constructor(directories: DirectoryFdCache) {
    this.directories = directories;
  }

  /** Readable when `take` has something to report. */
  get fd(): number {
    return this.inotify.fd;
  }

  /** Whether `take` has something to report. */
  get hasReports(): boolean {
    return this.inotify.hasEvents;
  }

  /** Whether a change in the directory would be reported, and none came for a while. */
  isQuiet(directory: Inode): boolean {
    return isQuiet(this.watched(directory));
  }

  /**
   * Leases a name in a directory (empty: the directory itself), or that it is missing, to the
   * kernel: for so long (milliseconds), which is 0 while the directory is busy.
   */
  leaseMs(directory: Inode, name: string): number {
    const now = Date.now();
    const watch = this.watched(directory);
    if (!isQuiet(watch, now) || (this.isHeldBack && watch.observer)) return 0;
    this.lease(watch, name, now);
    return LEASE_MS;
  }

  private lease(watch: WatchedDirectory, name: string, now: number): void {
    addLease(watch, name, now);
    this.leased.add(watch);
  }

  /** Whether anything is leased, or a lease that ended is still to be reported. */
  get isLeasing(): boolean {
    const now = Date.now();
    for (const watch of this.leased) {
      if (now < watch.leasedUntil) return true;
      this.leased.delete(watch);
    }
    return this.due.length > 0;
  }

  /** Whether names in a directory stood for something else, or for nothing, a short while ago. */
  areNamesChanging(directory: Inode): boolean {
    const watch = this.watches.get(directory.id);
    return watch !== undefined && areNamesChanging(watch);
  }

  /** What had a name in a directory has it no more, which may not have been reported yet. */
  noteMissing(directory: Inode, name: string): void {
    const watch = this.watched(directory);
    watch.namesChangedAt = Date.now();
    this.revoke(directory, watch, bytesOfLatin1(name), this.due);
  }

  /** The watch that reports opens in a directory, if one does. */
  openWatch(directory: Inode): number | undefined {
    const watch = this.watches.get(directory.id);
    return watch?.seesOpens ? watch.id : undefined;
  }

  /** Has opens in a directory reported from now on; undefined where that cannot be. */
  watchOpens(directory: Inode): number | undefined {
    const watch = this.watched(directory);
    if (watch.id === UNWATCHABLE || !watch.isLocal) return undefined;
    if (watch.seesOpens) return watch.id;
    watch.seesOpens = true;
    watch.seesOpens = this.renew(directory, watch);
    return this.openWatch(directory);
  }

  /** Whether names in observed directories are not leased: events of them are being replayed. */
  holdBack(isHeldBack: boolean): void {
    this.isHeldBack = isHeldBack;
  }

  /** Whether the mount has changed names since `take` was called last. */
  get hasOwnChanges(): boolean {
    return this.ownEvents.isExpecting;
  }

  /** To be called before the mount changes a name in a directory. */
  prepare(directory: Inode): void {
    this.watched(directory);
  }

  /** The mount has changed a name; `kind` is one bit of IN. */
  changed(directory: Inode, kind: number, name: Uint8Array): void {
    const watch = this.watches.get(directory.id);
    if (!watch || watch.id < 0) return;
    noteOwnChange(watch);
    this.ownEvents.expect(watch.id, kind, latin1Of(name));
  }

  /** The mount has moved a name: the kernel keeps what it has cached of it. */
  moved(from: Inode, name: Uint8Array, to: Inode, newName: Uint8Array): void {
    this.changed(from, IN.MOVED_FROM, name);
    this.changed(to, IN.MOVED_TO, newName);
    const watch = this.watches.get(to.id);
    if (watch && watch.id >= 0) this.lease(watch, latin1Of(newName), Date.now());
    else this.due.push({ directory: to, name: Buffer.from(newName) });
  }

  /**
   * Has what happens in a directory reported, whether or not anything of it is leased. Returns
   * when (Date.now()) somebody else's change was reported last, or 0.
   */
  observe(directory: Inode, observer: Observer): number {
    const watch = this.watched(directory);
    watch.observer = observer;
    this.renew(directory, watch);
    return watch.reportedAt;
  }

  unobserve(directory: Inode): void {
    const watch = this.watches.get(directory.id);
    if (!watch) return;
    watch.observer = undefined;
    this.renew(directory, watch);
  }

  /** Has what happens in another directory reported by the same descriptor. Throws Errno. */
  observePath(path: string, mask: number, observer: Observer): number {
    const id = this.inotify.add(path, mask);
    this.others.set(id, observer);
    return id;
  }

  unobservePath(id: number): void {
    this.others.delete(id);
    this.inotify.remove(id);
  }

  /** `report` is called when the kernel had no room for some of the events being read. */
  onLoss(report: () => void): void {
    this.reportLoss = report;
  }

  /** The events that were read last, or are being read, happened since then (Date.now()). */
  get readFrom(): number {
    return this.readBefore;
  }

  /** The mount is the cause of an event of this kind, which is no change of a name. */
  caused(directory: Inode, kind: number, name: Uint8Array): void {
    const watch = this.watches.get(directory.id);
    if (watch?.observer) this.ownEvents.expect(watch.id, kind, latin1Of(name));
  }

  /**
   * The leases revoked since the last call, for changes that the mount did not make, and what was
   * opened since then, by the mount as well.
   */
  take(): Reported {
    const revoked = this.due;
    this.due = [];
    this.opened = new Map();
    this.readBefore = this.readAt;
    this.readAt = Date.now();
    for (const event of this.inotify.take()) this.takeEvent(event, revoked);
    this.ownEvents.clear();
    return { revoked, opened: [...this.opened.values()] };
  }

  private takeEvent(event: InotifyEvent, changes: RevokedLease[]): void {
    const { watch: id, mask, name } = event;
    if (mask & IN.Q_OVERFLOW) {
      changes.push(this.everything());
      this.reportLoss();
      for (const observer of this.others.values()) observer(event, false);
    }
    const directory = this.byId.get(id);
    const watch = directory && this.watches.get(directory.id);
    if (!watch) {
      this.others.get(id)?.(event, false);
      return;
    }
    if (mask & IN.IGNORED) {
      this.end(directory);
      return;
    }
    const isOwn = this.ownEvents.isOwn(id, mask & (NAMES | IN.CLOSE_WRITE), latin1Of(name));
    if (watch.seesOpens && mask & OPENS) this.noteOpen(directory, event);
    if (!(mask & IN.OPEN)) watch.observer?.(event, isOwn);
    if (isOwn || !(mask & CHANGES)) return;
    if (mask & REPLACEMENTS) watch.namesChangedAt = Date.now();
    this.revoke(directory, watch, name, changes);
  }

  /** Each name once for each kind; a directory that is opened does not matter. */
  private noteOpen(directory: Inode, { watch, mask, name: bytes }: InotifyEvent): void {
    if (mask & IN.ISDIR || bytes.length === 0) return;
    const kind = mask & OPENS;
    const name = latin1Of(bytes);
    this.opened.set(`${watch}/${kind}/${name}`, { directory, watch, name, kind });
  }

  private revoke(
    directory: Inode,
    watch: WatchedDirectory,
    name: Buffer,
    changes: RevokedLease[],
  ): void {
    noteForeignChange(watch, Date.now());
    watch.reportedAt = watch.changedAt;
    for (const each of revokeLeases(watch, latin1Of(name))) {
      changes.push({ directory, name: bytesOfLatin1(each) });
    }
  }

  private everything(): RevokedLease {
    const now = Date.now();
    for (const watch of this.watches.values()) noteForeignChange(watch, now);
    return { directory: undefined, name: Buffer.alloc(0) };
  }

  private watched(directory: Inode): WatchedDirectory {
    return this.watches.get(directory.id) ?? this.add(directory);
  }

  private add(directory: Inode): WatchedDirectory {
    const isTooMany = this.watches.size >= WATCH_LIMIT;
    const id = isTooMany ? UNWATCHABLE : this.addWatch(directory, CHANGES);
    const watch = newlyWatched(id, id !== UNWATCHABLE && this.isLocal(directory));
    if (!isTooMany) this.watches.set(directory.id, watch);
    if (watch.id !== UNWATCHABLE) this.byId.set(watch.id, directory);
    return watch;
  }

  /** Has a watch report what is wanted of it by now; returns whether it does. */
  private renew(directory: Inode, watch: WatchedDirectory): boolean {
    if (watch.id === UNWATCHABLE) return false;
    const wanted = CHANGES | (watch.observer ? OBSERVED : 0) | (watch.seesOpens ? OPENS : 0);
    return this.addWatch(directory, wanted) === watch.id;
  }

  private isLocal(directory: Inode): boolean {
    const { dev } = directory;
    const known = this.local.get(dev);
    if (known !== undefined) return known;
    const found = isLocal(this.directories.descriptor(directory));
    this.local.set(dev, found);
    return found;
  }

  private addWatch(directory: Inode, mask: number): number {
    try {
      const fd = this.directories.descriptor(directory);
      return this.inotify.add(`/proc/self/fd/${fd}`, mask);
    } catch (error) {
      if (error instanceof Errno) return UNWATCHABLE;
      throw error;
    }
  }

  /** The kernel forgot the directory. */
  end(directory: Inode): void {
    const watch = this.watches.get(directory.id);
    if (!watch) return;
    this.watches.delete(directory.id);
    this.leased.delete(watch);
    if (watch.id < 0) return;
    this.byId.delete(watch.id);
    this.inotify.remove(watch.id);
  }

  close(): void {
    this.inotify.close();
  }
}
