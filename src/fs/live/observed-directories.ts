import { closeSync, constants } from 'node:fs';
import { unlessRefused } from '../../errno.ts';
import {
  IN,
  type InotifyEvent,
  listDirectory,
  openAt,
  S_IFDIR,
  S_IFREG,
  type Stat,
  statAt,
} from '../../sys/index.ts';
import type { FileEvent, NodeId, Place } from '../file-system.ts';
import { TOP } from '../node-ids.ts';
import type { CacheLeases } from './cache-leases.ts';
import type { DirectoryFdCache } from './directory-fd-cache.ts';
import { type Inode, rawName } from './inode.ts';

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

/** One half of a rename of which the other may follow at once. */
interface Moved {
  readonly cookie: number;
  readonly from: Place;
  readonly isDirectory: boolean;
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
  /** By inode: the file's state after the mount changed it. */
  private readonly own = new Map<NodeId, string>();
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
    leases.onLoss(() => this.missed());
  }

  /** Observes these directories and no others. */
  set(directories: readonly Inode[]): void {
    const wanted = new Map(directories.map((directory) => [directory.id, directory]));
    for (const [id, directory] of [...this.observed, ...this.parents]) {
      if (!wanted.has(id)) this.leases.unobserve(directory);
    }
    for (const id of this.observed.keys()) if (!wanted.has(id)) this.observed.delete(id);
    this.observeParents(wanted);
    for (const [id, directory] of wanted) {
      if (this.observed.has(id)) continue;
      this.observed.set(id, directory);
      const observer = (event: InotifyEvent, isOwn: boolean) => this.hear(directory, event, isOwn);
      const heardAt = this.leases.observe(directory, observer);
      const since = Date.now() - LATE_MS;
      if (heardAt >= since) this.catchUp(directory, BigInt(since) * 1_000_000n);
    }
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
    const { O_RDONLY, O_DIRECTORY } = constants;
    const names: Buffer[] = [];
    const list = openAt(this.directories.descriptor(directory), '.', O_RDONLY | O_DIRECTORY);
    try {
      for (const { name } of listDirectory(list)) {
        if (names.length >= limit) break;
        if (!isDot(name)) names.push(name);
      }
      return names;
    } finally {
      closeSync(list);
    }
  }

  /** Some of the events that were read last were lost. */
  missed(): void {
    this.missedSince ??= this.leases.readFrom;
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

  /** Each name in an observed directory: as an event if it is new or changed, else undefined. */
  private *changedSince(sinceNs: bigint): Generator<FileEvent | undefined, undefined> {
    for (const directory of [...this.observed.values()]) {
      for (const name of unlessRefused(() => this.namesIn(directory)) ?? []) {
        yield this.changeSince(directory, name, sinceNs);
      }
    }
  }

  /** What is older than its last change may have come by a rename: that is told of either. */
  private changeSince(directory: Inode, name: Buffer, sinceNs: bigint): FileEvent | undefined {
    const stat = this.statAt(directory, name);
    if (!stat || stat.ctimeNs < sinceNs) return undefined;
    const at = { directory: directory.id, name };
    const { mode } = stat;
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
    this.observed.delete(id);
    this.parents.delete(id);
    this.own.delete(id);
  }

  /** The mount changed the content or the attributes of a file: it is in this state now. */
  noteOwn(inode: Inode, state: () => Stat): void {
    if (this.observed.size === 0 || !this.observed.has(inode.parent?.id ?? 0)) return;
    if (this.own.size >= SIGNATURES) this.own.clear();
    this.own.set(inode.id, signatureOf(state()));
  }

  /** The same of what a name in a directory stands for. */
  noteOwnName(directory: Inode, name: Uint8Array): void {
    if (this.observed.size === 0 || !this.observed.has(directory.id)) return;
    const stat = this.statAt(directory, name);
    const id = stat && this.idOf(directory, stat);
    if (stat && id !== undefined) this.own.set(id, signatureOf(stat));
  }

  /** The mount closed a file that was open for writing. */
  noteOwnClose(inode: Inode): void {
    if (inode.parent) this.leases.caused(inode.parent, IN.CLOSE_WRITE, rawName(inode));
  }

  take(): FileEvent[] {
    this.endMove();
    const { events } = this;
    this.events = [];
    return events;
  }

  private hear(directory: Inode, event: InotifyEvent, isOwn: boolean): void {
    const { mask, cookie } = event;
    const isDirectory = (mask & IN.ISDIR) !== 0;
    const at = { directory: directory.id, name: event.name };
    if (this.moved && !(mask & IN.MOVED_TO && this.moved.cookie === cookie)) this.endMove();
    if (isOwn) return;
    if (event.name.length === 0) this.hearOfItself(directory, mask);
    else if (mask & IN.CREATE) this.add('create', at, this.modeAt(directory, event));
    else if (mask & IN.DELETE) this.add('delete', at, isDirectory ? S_IFDIR : S_IFREG);
    else if (mask & IN.MOVED_FROM) this.moved = { cookie, from: at, isDirectory };
    else if (mask & IN.MOVED_TO) this.endMove(at, this.modeAt(directory, event));
    else if (mask & IN.CLOSE_WRITE) this.add('close-write', at, S_IFREG);
    else if (mask & (IN.MODIFY | IN.ATTRIB)) this.hearOfContent(directory, event);
  }

  /** What an observed parent hears as well, with the name, is left to that. */
  private hearOfItself(directory: Inode, mask: number): void {
    if (directory.parent && this.observed.has(directory.parent.id)) return;
    const at = { directory: directory.parent?.id ?? TOP.live, name: rawName(directory) };
    if (mask & IN.ATTRIB) this.add('attrib', at, S_IFDIR);
  }

  private hearOfContent(directory: Inode, { mask, name }: InotifyEvent): void {
    const stat = this.statAt(directory, name);
    const id = stat && this.own.size > 0 ? this.idOf(directory, stat) : undefined;
    if (stat && id !== undefined && this.own.get(id) === signatureOf(stat)) return;
    const kind = mask & IN.MODIFY ? 'modify' : 'attrib';
    this.add(kind, { directory: directory.id, name }, stat?.mode ?? S_IFREG);
  }

  private add(kind: Exclude<FileEvent['kind'], 'move'>, at: Place, mode: number): void {
    this.events.push({ kind, at, mode });
  }

  private endMove(to?: Place, mode?: number): void {
    const { moved } = this;
    this.moved = undefined;
    if (!moved && !to) return;
    const fallback = moved?.isDirectory ? S_IFDIR : S_IFREG;
    this.events.push({ kind: 'move', from: moved?.from, to, mode: mode ?? fallback });
  }

  private modeAt(directory: Inode, { name, mask }: InotifyEvent): number {
    return this.statAt(directory, name)?.mode ?? (mask & IN.ISDIR ? S_IFDIR : S_IFREG);
  }

  private statAt(directory: Inode, name: Uint8Array): Stat | undefined {
    return unlessRefused(() => statAt(this.directories.descriptor(directory), name));
  }
}

const isDot = (name: Buffer): boolean => name.equals(DOT) || name.equals(DOT_DOT);
const DOT = Buffer.from('.');
const DOT_DOT = Buffer.from('..');

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
