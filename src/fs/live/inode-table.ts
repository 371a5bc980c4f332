import { Errno, errno } from '../../errno.ts';
import type { TaskName } from '../../store/index.ts';
import { S_IFMT, type Stat } from '../../sys/index.ts';
import type { NodeId } from '../file-system.ts';
import { FIRST_LIVE } from '../node-ids.ts';
import { HashIndex } from './hash-index.ts';
import type { Inode, OpenState } from './inode.ts';
import { at, NO_PAGES, NO_ROW } from './inode-columns.ts';
import { InodeRows, RowInode, rowOf } from './row-inode.ts';

/** What is called cached stays so for so long (seconds) at least. */
const CACHED_LEAST = 2;

/**
 * All inodes that the kernel knows, by node number and by the file beneath. One stays while the
 * kernel holds references to it, a known one has it as parent, or it is open.
 */
export class InodeTable {
  private readonly rows = new InodeRows();
  private readonly index = new HashIndex((row) => this.hashOf(row));
  private readonly onForget: (inode: Inode) => void;

  constructor(onForget: (inode: Inode) => void) {
    this.onForget = onForget;
  }

  /** Throws ESTALE for a number that was forgotten or never given. */
  get(id: NodeId): Inode {
    const row = id - FIRST_LIVE;
    if (!this.rows.columns.isUsed(row)) throw Errno.of(errno.ESTALE);
    return this.inode(row);
  }

  /** The inode of a number, or undefined where `get` would throw. */
  peek(id: NodeId): Inode | undefined {
    const row = id - FIRST_LIVE;
    return this.rows.columns.isUsed(row) ? this.inode(row) : undefined;
  }

  /** The inode of a file by its state, if it is known. */
  find(task: TaskName, stat: Stat): Inode | undefined {
    const row = this.findRow(task, stat);
    if (row === undefined || this.rows.columns.type[row] !== (stat.mode & S_IFMT)) return undefined;
    return this.inode(row);
  }

  /**
   * The inode of what was just seen as `name` in `parent`, known already or new; counts one
   * lookup.
   */
  meet(task: TaskName, parent: Inode | undefined, name: string, stat: Stat): Inode {
    const inode = this.find(task, stat) ?? this.add(task, stat);
    this.place(inode, parent, name);
    this.count(this.rows.columns.lookups, rowOf(inode), 1);
    return inode;
  }

  /** Counts one more lookup of an inode that is known. */
  refer(inode: Inode): void {
    this.count(this.rows.columns.lookups, rowOf(inode), 1);
  }

  /** Notes where an inode was last seen. */
  place(inode: Inode, parent: Inode | undefined, name: string): void {
    const { columns } = this.rows;
    const row = rowOf(inode);
    if (columns.name[row] !== name) columns.name[row] = name;
    const before = at(columns.parent, row);
    const now = parent ? rowOf(parent) : NO_ROW;
    if (before === now) return;
    if (now !== NO_ROW) this.count(columns.children, now, 1);
    columns.parent[row] = now;
    this.dropChild(before);
  }

  /** The kernel may cache an inode's place for so long (milliseconds); 0: no longer. */
  setTtl(inode: Inode, ms: number): void {
    this.rows.columns.cachedUntil[rowOf(inode)] = ms === 0 ? 0 : (Date.now() + ms) / 1000;
  }

  /** The kernel caches nothing any more that could be relied on. */
  expireAll(): void {
    this.rows.columns.cachedUntil.fill(0);
    this.rows.columns.provenBy.fill(0);
  }

  /** What `setProvenBy` noted last: a watch of inotify, from 1 on. */
  provenBy(inode: Inode): number | undefined {
    return this.rows.columns.provenBy[rowOf(inode)] || undefined;
  }

  /** Notes the watch that reports whoever opens a file to write to it. */
  setProvenBy(inode: Inode, watch: number | undefined): void {
    this.rows.columns.provenBy[rowOf(inode)] = watch ?? 0;
  }

  /** Whether the kernel will cache `name` as the place of a file for some more seconds. */
  isCached(directory: Inode, name: string, ino: bigint): boolean {
    const { columns } = this.rows;
    const { task, dev } = directory;
    const row = this.findRow(task, { ino, dev });
    if (row === undefined || columns.parent[row] !== rowOf(directory)) return false;
    return (
      columns.name[row] === name && at(columns.cachedUntil, row) > Date.now() / 1000 + CACHED_LEAST
    );
  }

  /** What `setPages` noted last. */
  pagesOf(inode: Inode): bigint | undefined {
    const ctimeNs = this.rows.columns.pages[rowOf(inode)];
    return ctimeNs === NO_PAGES ? undefined : ctimeNs;
  }

  /** Notes the ctime (nanoseconds) of the content that the kernel keeps of a file. */
  setPages(inode: Inode, ctimeNs: bigint | undefined): void {
    this.rows.columns.pages[rowOf(inode)] = ctimeNs ?? NO_PAGES;
  }

  forget(id: NodeId, count: number): void {
    const row = id - FIRST_LIVE;
    if (!this.rows.columns.isUsed(row)) return;
    this.count(this.rows.columns.lookups, row, -count);
    this.removeIfUnused(row);
  }

  /** What is open of an inode, from its first open file on. */
  open(inode: Inode): OpenState {
    const row = rowOf(inode);
    const known = this.rows.open.get(row);
    if (known) return known;
    const made: OpenState = { files: new Set(), locks: undefined };
    this.rows.open.set(row, made);
    return made;
  }

  /** The last open file of an inode was closed. */
  closed(inode: Inode): void {
    const row = rowOf(inode);
    this.rows.open.delete(row);
    this.removeIfUnused(row);
  }

  private inode(row: number): Inode {
    return new RowInode(this.rows, row);
  }

  private add(task: TaskName, stat: Stat): Inode {
    const { columns } = this.rows;
    const known = this.findRow(task, stat);
    if (known !== undefined) this.index.remove(known);
    const row = columns.allocate();
    columns.ino[row] = stat.ino;
    columns.task[row] = this.rows.tasks.numberOf(task);
    columns.device[row] = this.rows.devices.numberOf(stat.dev);
    columns.type[row] = stat.mode & S_IFMT;
    columns.parent[row] = NO_ROW;
    columns.lookups[row] = 0;
    columns.children[row] = 0;
    columns.cachedUntil[row] = 0;
    columns.pages[row] = NO_PAGES;
    columns.provenBy[row] = 0;
    columns.name[row] = '';
    this.index.add(row);
    return this.inode(row);
  }

  private findRow(task: TaskName, stat: Pick<Stat, 'ino' | 'dev'>): number | undefined {
    const { columns } = this.rows;
    const inTask = this.rows.tasks.numberOf(task);
    const onDevice = this.rows.devices.numberOf(stat.dev);
    return this.index.find(
      hash(stat.ino, inTask),
      (row) =>
        columns.ino[row] === stat.ino &&
        columns.task[row] === inTask &&
        columns.device[row] === onDevice,
    );
  }

  private hashOf(row: number): number {
    return hash(this.rows.columns.ino[row] ?? 0n, at(this.rows.columns.task, row));
  }

  private count(column: Float64Array | Uint32Array, row: number, by: number): void {
    column[row] = at(column, row) + by;
  }

  private dropChild(parent: number): void {
    if (parent === NO_ROW) return;
    this.count(this.rows.columns.children, parent, -1);
    this.removeIfUnused(parent);
  }

  // A directory stays for as long as something below it is known: its descendants are found
  // through it.
  private removeIfUnused(row: number): void {
    const { columns } = this.rows;
    if (at(columns.lookups, row) > 0 || at(columns.children, row) > 0) return;
    if (this.rows.open.has(row)) return;
    this.onForget(this.inode(row));
    const parent = at(columns.parent, row);
    this.index.remove(row);
    columns.free(row);
    this.dropChild(parent);
  }
}

function hash(ino: bigint, task: number): number {
  const low = Number(BigInt.asUintN(32, ino));
  return (Math.imul(low, 0x9e3779b1) ^ Math.imul(task + 1, 0x85ebca6b)) >>> 7;
}
