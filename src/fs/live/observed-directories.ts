import { closeSync, constants } from 'node:fs';
import { unlessRefused } from '../../errno.ts';
import { bytesOfLatin1, latin1Of } from '../../latin1.ts';
import {
  IN,
  type InotifyEvent,
  isDirectory,
  listDirectory,
  openAt,
  S_IFDIR,
  S_IFREG,
  type Stat,
  statAt,
  statFd,
} from '../../sys/index.ts';
import type { FileEvent, NodeId, Place } from '../file-system.ts';
import { TOP } from '../node-ids.ts';
import type { CacheLeases } from './cache-leases.ts';
import type { DirectoryFdCache } from './directory-fd-cache.ts';
import { type Inode, rawName } from './inode.ts';
import { KnownNames } from './known-names.ts';

/** So many files that the mount changed are remembered: their events come at once. */
const SIGNATURES = 1024;
/** How long (milliseconds) it may take until it is known that somebody watches a directory. */
const LATE_MS = 250;
/** So many files at most are looked at for what happened meanwhile. */
const LATE_FILES = 1000;
/** So many names are looked at, and events found, before others have their turn. */
const NAMES_AT_ONCE = 500;
const EVENTS_AT_ONCE = 64;
/** How far (milliseconds) file systems' clocks are behind at most. */
const CLOCK_MS = 20;

const NAMES = IN.CREATE | IN.DELETE | IN.MOVED_FROM | IN.MOVED_TO;

/** One half of a rename of which the other may follow at once. */
interface Moved {
  readonly cookie: number;
  readonly from: Place;
  readonly type: number;
}

/** What the mount did to a file (bits of IN), and the state in which it left it. */
interface OwnChange {
  readonly kinds: number;
  readonly state: string;
}

/**
 * The live directories that somebody observes, and what happens in them. What the mount did itself
 * is left out: names by the filter of leases, content and attributes by what the mount's last
 * change left. Where somebody else's change came in between, the file is not as that left it.
 */
export class ObservedDirectories {
  private readonly leases: CacheLeases;
  private readonly directories: DirectoryFdCache;
  private readonly idOf: (directory: Inode, stat: Stat) => NodeId | undefined;
  private readonly observed = new Map<NodeId, Inode>();
  /** Their parents that are not observed themselves. */
  private readonly parents = new Map<NodeId, Inode>();
  /** By inode: what the mount has changed since events were taken last. */
  private readonly own = new Map<NodeId, OwnChange>();
  private readonly names = new KnownNames();
  private events: FileEvent[] = [];
  /** Since when (milliseconds) events were lost that nobody looks for yet. */
  private missedSince: number | undefined;
  private missing: Iterator<FileEvent | undefined> | undefined;
  private moved: Moved | undefined;

  /** `idOf`: the node of a file in a directory, by its state, if it is known. */
  constructor(
    leases: CacheLeases,
    directories: DirectoryFdCache,
    idOf: (directory: Inode, stat: Stat) => NodeId | undefined,
  ) {
    this.leases = leases;
    this.directories = directories;
    this.idOf = idOf;
    leases.onLoss(() => this.missed([]));
  }

  /** Observes these directories and no others. */
  set(directories: readonly Inode[]): void {
    const wanted = new Map(directories.map((directory) => [directory.id, directory]));
    for (const [id, directory] of [...this.observed, ...this.parents]) {
      if (!wanted.has(id)) this.leases.unobserve(directory);
    }
    for (const id of this.observed.keys()) if (!wanted.has(id)) this.drop(id);
    this.observeParents(wanted);
    for (const [id, directory] of wanted) {
      if (this.observed.has(id)) continue;
      this.observed.set(id, directory);
      const observer = (event: InotifyEvent, isOwn: boolean) => this.hear(directory, event, isOwn);
      const heardAt = this.leases.observe(directory, observer);
      unlessRefused(() => this.withListing(directory, (fd) => this.names.read(id, fd)));
      const since = Date.now() - LATE_MS;
      if (heardAt >= since) this.catchUp(directory, BigInt(since) * 1_000_000n);
    }
  }

  private drop(id: NodeId): void {
    this.observed.delete(id);
    this.names.forget(id);
  }

  /**
   * Whether a directory is removed, its parent hears: itself does not, since the mount keeps it
   * open.
   */
  private observeParents(wanted: ReadonlyMap<NodeId, Inode>): void {
    this.parents.clear();
    for (const { parent } of wanted.values()) {
      if (!parent || wanted.has(parent.id)) continue;
      this.parents.set(parent.id, parent);
      this.leases.observe(parent, (event, isOwn) => this.hearOfChild(parent, event, isOwn));
    }
  }

  private hearOfChild({ id }: Inode, { mask, name }: InotifyEvent, isOwn: boolean): void {
    if (isOwn || !(mask & IN.DELETE) || !(mask & IN.ISDIR)) return;
    const children = [...this.observed.values()].filter(({ parent }) => parent?.id === id);
    if (!children.some((child) => rawName(child).equals(name))) return;
    this.add('delete', { directory: id, name }, S_IFDIR);
  }

  /** Reports what happened in a directory between its first watcher's coming and now. */
  private catchUp(directory: Inode, sinceNs: bigint): void {
    for (const name of this.namesIn(directory, LATE_FILES)) {
      const stat = this.statAt(directory, name);
      if (!stat || stat.ctimeNs < sinceNs) continue;
      const kind = stat.btimeNs >= sinceNs ? 'create' : 'modify';
      this.add(kind, { directory: directory.id, name }, stat.mode);
    }
  }

  private namesIn(directory: Inode, limit = Number.POSITIVE_INFINITY): Buffer[] {
    return this.withListing(directory, (fd) => {
      const names: Buffer[] = [];
      for (const { name } of listDirectory(fd)) {
        if (names.length >= limit) break;
        names.push(name);
      }
      return names;
    });
  }

  private withListing<T>(directory: Inode, action: (fd: number) => T): T {
    const { O_RDONLY, O_DIRECTORY } = constants;
    const fd = openAt(this.directories.descriptor(directory), '.', O_RDONLY | O_DIRECTORY);
    try {
      return action(fd);
    } finally {
      closeSync(fd);
    }
  }

  /** These events, and others of those that were read last, were lost. */
  missed(events: readonly FileEvent[]): void {
    this.missedSince ??= this.leases.readFrom;
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

  /** Some of the events that were lost, as of now; undefined where none is left to look for. */
  takeMissed(): FileEvent[] | undefined {
    if (!this.missing) {
      if (this.missedSince === undefined) return undefined;
      this.missing = this.changedSince(BigInt(this.missedSince - CLOCK_MS) * 1_000_000n);
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

  /**
   * Each name in an observed directory: as an event if it is new, changed or gone, else undefined.
   */
  private *changedSince(sinceNs: bigint): Generator<FileEvent | undefined, undefined> {
    for (const directory of [...this.observed.values()]) {
      const names = unlessRefused(() => this.namesIn(directory));
      if (!names) continue;
      yield* this.removalsIn(directory, names);
      for (const name of names) yield this.changeSince(directory, name, sinceNs);
    }
  }

  private removalsIn({ id }: Inode, names: readonly Buffer[]): FileEvent[] {
    return this.names.takeGone(id, names).map(({ name, isDirectory }) => ({
      kind: 'delete',
      at: { directory: id, name: bytesOfLatin1(name) },
      mode: isDirectory ? S_IFDIR : S_IFREG,
    }));
  }

  /** What is older than its last change may have come by a rename: that is told of either. */
  private changeSince(directory: Inode, name: Buffer, sinceNs: bigint): FileEvent | undefined {
    const stat = this.statAt(directory, name);
    if (!stat || stat.ctimeNs < sinceNs) return undefined;
    const at = { directory: directory.id, name };
    const { mode } = stat;
    this.names.add(directory.id, latin1Of(name), isDirectory(mode));
    if (stat.btimeNs >= sinceNs) return { kind: 'create', at, mode };
    return { kind: 'move', from: undefined, to: at, mode };
  }

  /** The observed directories of a task, the deepest first. */
  ofTask(task: string): readonly Inode[] {
    const found = [...this.observed.values()].filter((directory) => directory.task === task);
    return found.sort((one, two) => depthOf(two) - depthOf(one));
  }

  /** The kernel forgot the inode. */
  forget({ id }: Inode): void {
    this.drop(id);
    this.parents.delete(id);
    this.own.delete(id);
  }

  /**
   * The mount changed the content or the attributes of a file, of which inotify will report these
   * kinds (bits of IN): it is in this state now.
   */
  noteOwn(inode: Inode, kinds: number, state: () => Stat): void {
    if (this.observed.size === 0) return;
    if (!this.observed.has(inode.id) && !this.observed.has(inode.parent?.id ?? 0)) return;
    this.setOwn(inode.id, kinds, state());
  }

  private setOwn(id: NodeId, kinds: number, stat: Stat): void {
    if (this.own.size >= SIGNATURES) this.own.clear();
    const before = this.own.get(id)?.kinds ?? 0;
    this.own.set(id, { kinds: before | kinds, state: signatureOf(stat) });
  }

  /** The same of the attributes of what a name in a directory stands for. */
  noteOwnName(directory: Inode, name: Uint8Array): void {
    if (this.observed.size === 0 || !this.observed.has(directory.id)) return;
    const stat = this.statAt(directory, name);
    const id = stat && this.idOf(directory, stat);
    if (stat && id !== undefined) this.setOwn(id, IN.ATTRIB, stat);
  }

  /** The mount closed a file that was open for writing. */
  noteOwnClose(inode: Inode): void {
    if (inode.parent) this.leases.caused(inode.parent, IN.CLOSE_WRITE, rawName(inode));
  }

  take(): FileEvent[] {
    this.endMove();
    const { events } = this;
    this.events = [];
    this.own.clear();
    return events;
  }

  private hear(directory: Inode, event: InotifyEvent, isOwn: boolean): void {
    const { mask, cookie } = event;
    const type = typeOf(event);
    const at = { directory: directory.id, name: event.name };
    if (this.moved && !(mask & IN.MOVED_TO && this.moved.cookie === cookie)) this.endMove();
    const isKnown = this.followName(directory, event);
    if (isOwn && mask & NAMES) this.events.push({ kind: 'own', at });
    if (isOwn || !isKnown) return;
    if (event.name.length === 0) this.hearOfItself(directory, mask);
    else if (mask & IN.CREATE) this.add('create', at, this.modeAt(directory, event));
    else if (mask & IN.DELETE) this.add('delete', at, type);
    else if (mask & IN.MOVED_FROM) this.moved = { cookie, from: at, type };
    else if (mask & IN.MOVED_TO) this.endMove(at, this.modeAt(directory, event));
    else if (mask & IN.CLOSE_WRITE) this.add('close-write', at, S_IFREG);
    else if (mask & (IN.MODIFY | IN.ATTRIB)) this.hearOfContent(directory, event);
  }

  /** Returns whether an event is news: not the removal of what was already told to be gone. */
  private followName({ id }: Inode, { mask, name }: InotifyEvent): boolean {
    if (name.length === 0) return true;
    if (mask & (IN.CREATE | IN.MOVED_TO)) {
      this.names.add(id, latin1Of(name), (mask & IN.ISDIR) !== 0);
    } else if (mask & (IN.DELETE | IN.MOVED_FROM)) {
      return this.names.remove(id, latin1Of(name)) || (mask & IN.MOVED_FROM) !== 0;
    }
    return true;
  }

  /** What an observed parent hears as well, with the name, is left to that. */
  private hearOfItself(directory: Inode, mask: number): void {
    if (directory.parent && this.observed.has(directory.parent.id)) return;
    if (!(mask & IN.ATTRIB)) return;
    const stat = this.own.size > 0 ? this.statOf(directory) : undefined;
    if (stat && this.isOwnChange(directory.id, mask, stat)) return;
    const at = { directory: directory.parent?.id ?? TOP.live, name: rawName(directory) };
    this.add('attrib', at, S_IFDIR);
  }

  private hearOfContent(directory: Inode, event: InotifyEvent): void {
    const { mask, name } = event;
    const stat = this.statAt(directory, name);
    const id = stat && this.own.size > 0 ? this.idOf(directory, stat) : undefined;
    if (stat && id !== undefined && this.isOwnChange(id, mask, stat)) return;
    const kind = mask & IN.MODIFY ? 'modify' : 'attrib';
    this.add(kind, { directory: directory.id, name }, typeOf(event, stat));
  }

  /** Whether the mount did such a thing to a file, and nobody anything since then. */
  private isOwnChange(id: NodeId, mask: number, stat: Stat): boolean {
    const own = this.own.get(id);
    return own !== undefined && (own.kinds & mask) !== 0 && own.state === signatureOf(stat);
  }

  private add(kind: Exclude<FileEvent['kind'], 'move' | 'own'>, at: Place, mode: number): void {
    this.events.push({ kind, at, mode });
  }

  private endMove(to?: Place, mode?: number): void {
    const { moved } = this;
    this.moved = undefined;
    if (!moved && !to) return;
    this.events.push({ kind: 'move', from: moved?.from, to, mode: mode ?? moved?.type ?? S_IFREG });
  }

  private modeAt(directory: Inode, event: InotifyEvent): number {
    return typeOf(event, this.statAt(directory, event.name));
  }

  private statOf(directory: Inode): Stat | undefined {
    return unlessRefused(() => statFd(this.directories.descriptor(directory)));
  }

  private statAt(directory: Inode, name: Uint8Array): Stat | undefined {
    return unlessRefused(() => statAt(this.directories.descriptor(directory), name));
  }
}

/** The mode of what an event is about, where the name has not come to mean something else. */
function typeOf({ mask }: InotifyEvent, stat?: Stat): number {
  const type = mask & IN.ISDIR ? S_IFDIR : S_IFREG;
  return stat && isDirectory(stat.mode) === isDirectory(type) ? stat.mode : type;
}

/** Every change of a file's content or attributes changes one of these. */
const signatureOf = ({ ctimeNs, size }: Stat): string => `${ctimeNs}/${size}`;

function depthOf(directory: Inode): number {
  let depth = 0;
  for (let at = directory.parent; at; at = at.parent) depth++;
  return depth;
}

/** The path from the mount's root to a live directory. */
export function livePath(directory: Inode): Buffer {
  const names: string[] = [];
  for (let at: Inode | undefined = directory; at; at = at.parent) names.unshift(at.name);
  return Buffer.from(['live', ...names].join('/'), 'latin1');
}
