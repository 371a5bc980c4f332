import { unlessRefused } from '../../errno.ts';
import {
  IN,
  type InotifyEvent,
  isDirectory,
  S_IFDIR,
  S_IFREG,
  type Stat,
  statFd,
} from '../../sys/index.ts';
import type { FileEvent, NodeId, Place } from '../file-system.ts';
import { TOP } from '../node-ids.ts';
import type { CacheLeases } from './cache-leases.ts';
import { DirectoryComparison } from './directory-comparison.ts';
import type { DirectoryFdCache } from './directory-fd-cache.ts';
import { type Inode, rawName } from './inode.ts';
import { OwnContentEvents } from './own-events.ts';

/** How long (milliseconds) it may take until it is known that somebody watches a directory. */
const LATE_MS = 250;

const NAMES = IN.CREATE | IN.DELETE | IN.MOVED_FROM | IN.MOVED_TO;

/** One half of a rename of which the other may follow at once. */
interface Moved {
  readonly cookie: number;
  readonly from: Place;
  readonly type: number;
}

/**
 * The live directories that somebody observes, and what happens in them. What the mount did itself
 * is left out: names as the leases know them, content and attributes by what the mount's last
 * change left. Where somebody else's change came in between, the file is not as that left it.
 */
export class ObservedDirectories {
  private readonly leases: CacheLeases;
  private readonly directories: DirectoryFdCache;
  private readonly idOf: (directory: Inode, stat: Stat) => NodeId | undefined;
  private readonly observed = new Map<NodeId, Inode>();
  /** Their parents that are not observed themselves. */
  private readonly parents = new Map<NodeId, Inode>();
  private readonly own = new OwnContentEvents();
  private readonly comparison: DirectoryComparison;
  private events: FileEvent[] = [];
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
    this.comparison = new DirectoryComparison(directories);
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
      const observer = (event: InotifyEvent, isOwn: boolean) =>
        this.onEvent(directory, event, isOwn);
      const reportedAt = this.leases.observe(directory, observer);
      this.comparison.begin(directory);
      const since = Date.now() - LATE_MS;
      if (reportedAt >= since) this.events.push(...this.comparison.since(directory, since));
    }
  }

  private drop(id: NodeId): void {
    this.observed.delete(id);
    this.comparison.end(id);
  }

  /**
   * That a directory is removed is an event of its parent: it has none itself, since the mount
   * keeps it open.
   */
  private observeParents(wanted: ReadonlyMap<NodeId, Inode>): void {
    this.parents.clear();
    for (const { parent } of wanted.values()) {
      if (!parent || wanted.has(parent.id)) continue;
      this.parents.set(parent.id, parent);
      this.leases.observe(parent, (event, isOwn) => this.onChild(parent, event, isOwn));
    }
  }

  private onChild({ id }: Inode, { mask, name }: InotifyEvent, isOwn: boolean): void {
    if (isOwn || !(mask & IN.DELETE) || !(mask & IN.ISDIR)) return;
    const children = [...this.observed.values()].filter(({ parent }) => parent?.id === id);
    if (!children.some((child) => rawName(child).equals(name))) return;
    this.add('delete', { directory: id, name }, S_IFDIR);
  }

  /** These events, and others of those that were read last, were lost. */
  missed(events: readonly FileEvent[]): void {
    this.comparison.missed(this.leases.readFrom, events);
  }

  /** Some of the events that were lost, as of now; undefined where none is left to look for. */
  takeMissed(): FileEvent[] | undefined {
    return this.comparison.take([...this.observed.values()]);
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
    this.own.forget(id);
  }

  /**
   * The mount changed the content or the attributes of a file, of which inotify will report these
   * kinds (bits of IN): it is in this state now.
   */
  noteOwn(inode: Inode, kinds: number, state: () => Stat): void {
    if (this.observed.size === 0) return;
    if (!this.observed.has(inode.id) && !this.observed.has(inode.parent?.id ?? 0)) return;
    this.own.note(inode.id, kinds, state());
  }

  /** The same of the attributes of what a name in a directory stands for. */
  noteOwnName(directory: Inode, name: Uint8Array): void {
    if (this.observed.size === 0 || !this.observed.has(directory.id)) return;
    const stat = this.directories.stateOf(directory, name);
    const id = stat && this.idOf(directory, stat);
    if (stat && id !== undefined) this.own.note(id, IN.ATTRIB, stat);
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

  private onEvent(directory: Inode, event: InotifyEvent, isOwn: boolean): void {
    const { mask, cookie } = event;
    const type = typeOf(event);
    const at = { directory: directory.id, name: event.name };
    if (this.moved && !(mask & IN.MOVED_TO && this.moved.cookie === cookie)) this.endMove();
    const isKnown = this.comparison.follow(directory, event);
    if (isOwn && mask & NAMES) this.events.push({ kind: 'own', at });
    if (isOwn || !isKnown) return;
    if (event.name.length === 0) this.onItself(directory, mask);
    else if (mask & IN.CREATE) this.add('create', at, this.modeAt(directory, event));
    else if (mask & IN.DELETE) this.add('delete', at, type);
    else if (mask & IN.MOVED_FROM) this.moved = { cookie, from: at, type };
    else if (mask & IN.MOVED_TO) this.endMove(at, this.modeAt(directory, event));
    else if (mask & IN.CLOSE_WRITE) this.add('close-write', at, S_IFREG);
    else if (mask & (IN.MODIFY | IN.ATTRIB)) this.onContent(directory, event);
  }

  /** What an observed parent has an event of as well, with the name, is left to that. */
  private onItself(directory: Inode, mask: number): void {
    if (directory.parent && this.observed.has(directory.parent.id)) return;
    if (!(mask & IN.ATTRIB)) return;
    const stat = this.own.isEmpty ? undefined : this.statOf(directory);
    if (stat && this.own.has(directory.id, mask, stat)) return;
    const at = { directory: directory.parent?.id ?? TOP.live, name: rawName(directory) };
    this.add('attrib', at, S_IFDIR);
  }

  private onContent(directory: Inode, event: InotifyEvent): void {
    const { mask, name } = event;
    // What is written is a file, or a pipe, of which the events are the same.
    const isInDoubt = (mask & IN.ATTRIB) !== 0 || !this.own.isEmpty;
    const stat = isInDoubt ? this.directories.stateOf(directory, name) : undefined;
    const id = stat && this.idOf(directory, stat);
    if (stat && id !== undefined && this.own.has(id, mask, stat)) return;
    const kind = mask & IN.MODIFY ? 'modify' : 'attrib';
    this.add(kind, { directory: directory.id, name }, typeOf(event, stat));
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
    return typeOf(event, this.directories.stateOf(directory, event.name));
  }

  private statOf(directory: Inode): Stat | undefined {
    return unlessRefused(() => statFd(this.directories.descriptor(directory)));
  }
}

/** The mode of what an event is about, where the name has not come to mean something else. */
function typeOf({ mask }: InotifyEvent, stat?: Stat): number {
  const type = mask & IN.ISDIR ? S_IFDIR : S_IFREG;
  return stat && isDirectory(stat.mode) === isDirectory(type) ? stat.mode : type;
}

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
