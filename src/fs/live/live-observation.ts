import { unlessRefused } from '../../errno.ts';
import { latin1Of } from '../../latin1.ts';
import type { Stat } from '../../sys/index.ts';
import type { Attr, Entry, FileEvent, NodeId, Observation, Place } from '../file-system.ts';
import { isLive, TOP } from '../node-ids.ts';
import { directoryAttr } from '../virtual-directory.ts';
import type { AttachedDirectories } from './attached-directories.ts';
import type { CacheLeases } from './cache-leases.ts';
import { type Inode, isDirectoryInode, rawName } from './inode.ts';
import type { InodeTable } from './inode-table.ts';
import type { LiveTasks } from './live-tasks.ts';
import { livePath, type ObservedDirectories } from './observed-directories.ts';
import type { Resolver } from './resolver.ts';

interface Parts {
  readonly table: InodeTable;
  readonly resolver: Resolver;
  readonly tasks: LiveTasks;
  readonly leases: CacheLeases | undefined;
  /** Undefined where nothing is reported of changes beneath. */
  readonly observed: ObservedDirectories | undefined;
  readonly attached: AttachedDirectories | undefined;
}

/** What of live/ somebody watches by inotify: which nodes, and what they were called last. */
export class LiveObservation implements Observation {
  private readonly parts: Parts;
  private watched: readonly Inode[] = [];

  constructor(parts: Parts) {
    this.parts = parts;
  }

  /** Of these nodes the live ones are watched from now on, and no others. */
  observe(nodes: readonly NodeId[]): void {
    const { table, observed } = this.parts;
    const found = nodes.filter(isLive).map((node) => table.peek(node));
    this.watched = found.filter((inode) => inode !== undefined);
    const directories = found.map((inode) =>
      inode && !isDirectoryInode(inode) ? inode.parent : inode,
    );
    observed?.set(directories.filter((inode) => inode !== undefined));
  }

  /**
   * What was last seen in a place and is not there any more: an observed inode, or a directory
   * that leads to one.
   */
  formerEntry({ directory, name }: Place): Entry | undefined {
    const { table } = this.parts;
    const text = latin1Of(name);
    const isThere = (each: Inode) =>
      each.name === text && (each.parent?.id ?? TOP.live) === directory;
    const inode = this.watched.flatMap(withAncestors).find(isThere);
    if (!inode || table.peek(inode.id)?.ino !== inode.ino) return undefined;
    const attr = this.stateOf(inode);
    if (attr && attr.nlink > 0 && !isDirectoryInode(inode)) return undefined;
    table.refer(inode);
    return { node: inode.id, attr: attr ?? goneAttr(inode), entryTtlMs: 0, attrTtlMs: 0 };
  }

  private stateOf(inode: Inode): Stat | undefined {
    return unlessRefused(() => this.parts.resolver.stat(inode));
  }

  /** The observed directories of a task, the deepest first, each as a name in its parent. */
  ofTask(task: string): readonly Place[] {
    const directories = this.parts.observed?.ofTask(task) ?? [];
    return directories.map((inode) => ({
      directory: inode.parent?.id ?? TOP.live,
      name: rawName(inode),
    }));
  }

  takeEvents(): FileEvent[] {
    return this.parts.observed?.take() ?? [];
  }

  hasOwnChanges(): boolean {
    return this.parts.leases?.hasOwnChanges ?? false;
  }

  replays(isReplaying: boolean): void {
    this.parts.leases?.holdBack(isReplaying);
  }

  missed(events: readonly FileEvent[]): void {
    this.parts.observed?.missed(events);
  }

  takeMissed(): readonly FileEvent[] | undefined {
    return this.parts.observed?.takeMissed();
  }

  pathOf(node: NodeId): Uint8Array | undefined {
    const inode = this.parts.table.peek(node);
    return inode && livePath(inode);
  }

  /** Whether a task's staging is attached in a place. */
  isMountedOn({ directory, name }: Place): boolean {
    const { attached, tasks } = this.parts;
    if (!attached || directory !== TOP.live) return false;
    const found = unlessRefused(() => tasks.find(name));
    return found !== undefined && attached.has(found.stat.ino);
  }
}

function withAncestors(inode: Inode): Inode[] {
  const found: Inode[] = [];
  for (let at: Inode | undefined = inode; at; at = at.parent) found.push(at);
  return found;
}

/** Attributes of an inode that cannot be asked for any more. */
const goneAttr = ({ id, ino, type }: Inode): Attr => ({
  ...directoryAttr(id, 0o700, 0n),
  ino,
  mode: type | 0o700,
  nlink: 0,
});
