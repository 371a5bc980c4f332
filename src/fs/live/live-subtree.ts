import { constants } from 'node:fs';
import { Errno, errno } from '../../errno.ts';
import { latin1Of } from '../../latin1.ts';
import { isTaskName, OWN_XATTR_PREFIX, type Store } from '../../store/index.ts';
import {
  DT,
  IN,
  isRegular,
  isSymlink,
  RENAME_EXCHANGE,
  readlinkAt,
  reopen,
  syncfs,
} from '../../sys/index.ts';
import type { FileSystemOptions } from '../driver.ts';
import type {
  AttrChange,
  Attributes,
  Caller,
  Change,
  Created,
  DirectoryEntry,
  Entry,
  FileEvent,
  NodeId,
  Place,
} from '../file-system.ts';
import { ShownTasks } from '../mount-view.ts';
import { isLive, TOP } from '../node-ids.ts';
import { statfsOf } from '../statfs.ts';
import {
  asksToWrite,
  type OpenDirectory,
  type OpenedFile,
  type OpenFile,
  type Subtree,
} from '../subtree.ts';
import type { TaskRecords } from '../task-records.ts';
import { directoryAttr, listVirtual } from '../virtual-directory.ts';
import { AttachedDirectories } from './attached-directories.ts';
import { CacheLeases } from './cache-leases.ts';
import { CacheTtl } from './cache-ttl.ts';
import { DirectoryFdCache } from './directory-fd-cache.ts';
import { markMade, markMadeIn, markRenamed } from './editor-files.ts';
import { Freeze } from './freeze.ts';
import type { Inode } from './inode.ts';
import { changesFlags, InodeFlags } from './inode-flags.ts';
import { InodeTable } from './inode-table.ts';
import { KeptPages } from './kept-pages.ts';
import { LiveDirectory } from './live-directory.ts';
import { LiveFile, realFlags, refuseSpecial } from './live-file.ts';
import { LiveObservation } from './live-observation.ts';
import { LiveTasks } from './live-tasks.ts';
import { LiveXattrs } from './live-xattrs.ts';
import { type Made, NameOperations } from './name-operations.ts';
import { livePath, ObservedDirectories } from './observed-directories.ts';
import { OpenFiles } from './open-files.ts';
import { ReportedChanges } from './reported-changes.ts';
import { Resolver } from './resolver.ts';
import { changeAttributes } from './setattr.ts';
import { UnwrittenFiles } from './unwritten-files.ts';

/** How many directories are kept open between calls: well below the usual limit of 1024 files. */
const DIRECTORY_LIMIT = 256;

const DAY_MS = 86_400_000;
/**
 * For how long (milliseconds) the kernel may believe the name of a task whose staging is attached:
 * until it is told otherwise (src/attach/), for each path through live/<task> asks for it else.
 */
const ATTACHED_MS = DAY_MS;
/** How live files are shown, and why: an attribute of live/ itself. */
const LIVE_MODE = `${OWN_XATTR_PREFIX}live`;

const NOTHING = new Uint8Array(0);

/**
 * live/: each running task's staging directory itself. Its top directory lists tasks and refuses
 * changes; below a task's directory every call is passed to the file system beneath.
 */
export class LiveSubtree implements Subtree {
  readonly refusal = errno.EPERM;
  private readonly store: Store;
  private readonly startNs = BigInt(Date.now()) * 1_000_000n;
  private readonly tasks: LiveTasks;
  private readonly directories: DirectoryFdCache;
  private readonly table: InodeTable;
  private readonly resolver: Resolver;
  private readonly names: NameOperations;
  private readonly freeze: Freeze;
  private readonly xattrs: LiveXattrs;
  private readonly flags: InodeFlags;
  private readonly leases: CacheLeases | undefined;
  private readonly observed: ObservedDirectories | undefined;
  private readonly observation: LiveObservation;
  private readonly reported: ReportedChanges | undefined;
  private readonly unwritten: UnwrittenFiles | undefined;
  private readonly ttl: CacheTtl;
  private readonly files: OpenFiles;
  private readonly attached: AttachedDirectories | undefined;
  private readonly mode: string;

  constructor(store: Store, records: TaskRecords, options: FileSystemOptions) {
    const { liveTtlMs = 0, cacheLeases } = options;
    this.store = store;
    this.attached = options.attached && new AttachedDirectories(options.attached);
    this.mode = options.liveMode ?? 'fuse';
    this.tasks = new LiveTasks(store, new ShownTasks(records, options.view));
    this.directories = new DirectoryFdCache(this.tasks.staging, DIRECTORY_LIMIT);
    this.leases = cacheLeases ? new CacheLeases(this.directories) : undefined;
    this.table = new InodeTable((inode) => {
      this.leases?.end(inode);
      this.observed?.forget(inode);
      this.directories.close(inode);
    });
    this.observed = this.leases && this.observedBy(this.leases);
    this.resolver = new Resolver(this.directories);
    this.observation = new LiveObservation({
      table: this.table,
      resolver: this.resolver,
      tasks: this.tasks,
      observed: this.observed,
      attached: this.attached,
    });
    this.unwritten = this.leases && new UnwrittenFiles(this.table, this.resolver, this.leases);
    this.reported =
      this.leases &&
      this.unwritten &&
      new ReportedChanges(this.table, this.directories, this.leases, this.unwritten);
    this.ttl = new CacheTtl(liveTtlMs, this.leases, this.unwritten);
    this.names = new NameOperations(this.table, this.directories, this.resolver);
    this.freeze = new Freeze(store, records, cacheLeases ?? false);
    this.files = new OpenFiles({
      table: this.table,
      records,
      freeze: this.freeze,
      leases: this.leases,
      observed: this.observed,
      unwritten: this.unwritten,
      pages: new KeptPages(this.table, store.staging),
      sharedMmap: options.sharedMmap ?? false,
    });
    this.xattrs = new LiveXattrs(this.resolver, records);
    this.flags = new InodeFlags(this.resolver);
  }

  private observedBy(leases: CacheLeases): ObservedDirectories {
    return new ObservedDirectories(
      leases,
      this.directories,
      ({ task }, stat) => this.table.find(task, stat)?.id,
    );
  }

  lookup(parent: NodeId, name: Uint8Array): Entry {
    if (parent !== TOP.live) return this.entry(this.names.find(this.table.get(parent), name));
    const { task, stat } = this.tasks.stat(name);
    const inode = this.table.meet(task, undefined, latin1Of(name), stat);
    const entry = this.entry({ inode, stat });
    return this.attached?.has(stat.ino) ? { ...entry, entryTtlMs: ATTACHED_MS } : entry;
  }

  missingTtlMs(parent: NodeId, name: Uint8Array): number {
    // Programs look for `.git` and `.gitignore` in each directory above theirs: no task's names.
    if (parent === TOP.live) return isTaskName(latin1Of(name)) ? 0 : DAY_MS;
    return this.leases?.leaseMs(this.table.get(parent), latin1Of(name)) ?? 0;
  }

  isCached(parent: NodeId, { name, ino }: DirectoryEntry): boolean {
    return parent !== TOP.live && this.table.isCached(this.table.get(parent), latin1Of(name), ino);
  }

  forget(node: NodeId, count: number): void {
    this.table.forget(node, count);
  }

  getattr(node: NodeId, file: OpenFile | undefined): Attributes {
    if (node === TOP.live) {
      return { attr: directoryAttr(node, 0o555, this.startNs), attrTtlMs: DAY_MS };
    }
    return this.attributes(fileInode(file) ?? this.table.get(node));
  }

  isReadOnly(node: NodeId): boolean {
    return node !== TOP.live && this.freeze.isFrozen(this.table.get(node).task);
  }

  setattr(node: NodeId, file: OpenFile | undefined, change: AttrChange): Attributes {
    const inode = this.inode(node);
    const writable = file instanceof LiveFile && file.writes ? file.fd : undefined;
    this.changeOpen(inode, () =>
      this.resolver.with(inode, (fd) => changeAttributes(fd, writable, change)),
    );
    this.noteOwn(inode);
    return this.attributes(inode);
  }

  readlink(node: NodeId): Uint8Array {
    return this.resolver.with(this.inode(node), (fd) => readlinkAt(fd, ''));
  }

  mknod(parent: NodeId, name: Uint8Array, mode: number, rdev: number, caller: Caller): Entry {
    return this.make(parent, name, (directory) =>
      this.names.mknod(directory, name, mode, rdev, caller),
    );
  }

  mkdir(parent: NodeId, name: Uint8Array, mode: number, caller: Caller): Entry {
    return this.make(parent, name, (directory) => this.names.mkdir(directory, name, mode, caller));
  }

  symlink(parent: NodeId, name: Uint8Array, target: Uint8Array, caller: Caller): Entry {
    return this.make(parent, name, (directory) =>
      this.names.symlink(directory, name, target, caller),
    );
  }

  link(node: NodeId, newParent: NodeId, newName: Uint8Array): Entry {
    const inode = this.inode(node);
    return this.make(newParent, newName, (directory) => this.names.link(inode, directory, newName));
  }

  unlink(parent: NodeId, name: Uint8Array): void {
    this.remove(parent, name, (directory) => this.names.unlink(directory, name));
  }

  rmdir(parent: NodeId, name: Uint8Array): void {
    this.remove(parent, name, (directory) => this.names.rmdir(directory, name));
  }

  rename(
    parent: NodeId,
    name: Uint8Array,
    newParent: NodeId,
    newName: Uint8Array,
    flags: number,
  ): void {
    const to = this.inode(newParent);
    this.change(parent, (from) => {
      this.leases?.prepare(from);
      this.leases?.prepare(to);
      this.names.rename(from, name, to, newName, flags);
      if (!(flags & RENAME_EXCHANGE)) {
        markRenamed(this.directories.descriptor(to), name, newName);
        this.observed?.noteOwnName(to, newName);
      }
      this.leases?.moved(from, name, to, newName);
      if (flags & RENAME_EXCHANGE) this.leases?.moved(to, newName, from, name);
    });
  }

  open(node: NodeId, flags: number): OpenedFile {
    const inode = this.inode(node);
    const { type } = inode;
    if (!isRegular(type)) throw refuseSpecial(isSymlink(type));
    const writes = asksToWrite(flags);
    const openReal = (): OpenedFile => {
      const fd = this.resolver.with(inode, (pinned) => reopen(pinned, realFlags(flags)));
      const opened = this.files.opened(inode, fd, flags);
      if (flags & constants.O_TRUNC) this.noteOwn(inode);
      return opened;
    };
    return writes ? this.freeze.change(inode.task, openReal) : openReal();
  }

  create(
    parent: NodeId,
    name: Uint8Array,
    flags: number,
    mode: number,
    caller: Caller,
  ): Created<OpenedFile> {
    const made = this.change(parent, (directory) => {
      this.leases?.prepare(directory);
      const fresh = this.names.create(directory, name, flags, mode, caller);
      if (!fresh) return undefined;
      markMade(fresh.fd, name);
      this.leases?.changed(directory, IN.CREATE, name);
      return this.created(fresh, flags);
    });
    if (made) return made;
    const entry = this.lookup(parent, name);
    try {
      return { entry, opened: this.open(entry.node, flags) };
    } catch (error) {
      this.forget(entry.node, 1);
      throw error;
    }
  }

  tmpfile(parent: NodeId, flags: number, mode: number, caller: Caller): Created<OpenedFile> {
    return this.change(parent, (directory) =>
      this.created(this.names.tmpfile(directory, flags, mode, caller), flags),
    );
  }

  /** Opens what a change has just made, while that still holds off the freeze. */
  private created(made: Made & { readonly fd: number }, flags: number): Created<OpenedFile> {
    const opened = this.files.opened(made.inode, made.fd, flags);
    this.noteOwn(made.inode);
    return { entry: this.entry(made), opened };
  }

  keepsListing(node: NodeId): boolean {
    return node !== TOP.live && (this.leases?.leaseMs(this.table.get(node), '') ?? 0) > 0;
  }

  opendir(node: NodeId): OpenDirectory {
    if (node !== TOP.live) {
      const inode = this.table.get(node);
      const { task } = inode;
      return new LiveDirectory(this.directories.descriptor(inode), () =>
        this.tasks.assertLive(task),
      );
    }
    return listVirtual(node, () =>
      this.tasks.list().map(({ name, ino }) => ({ name, ino, type: DT.DIR })),
    );
  }

  statfs() {
    return statfsOf(this.store.staging);
  }

  syncfs(): void {
    const directory = new LiveDirectory(this.tasks.staging, () => {});
    try {
      syncfs(directory.fd);
    } finally {
      directory.close();
    }
  }

  getxattr(node: NodeId, name: Uint8Array): Uint8Array {
    if (node !== TOP.live) return this.xattrs.get(this.table.get(node), name);
    if (latin1Of(name) !== LIVE_MODE) throw Errno.of(errno.ENODATA);
    return Buffer.from(this.mode);
  }

  listxattr(node: NodeId): readonly Uint8Array[] {
    return node === TOP.live ? [Buffer.from(LIVE_MODE)] : this.xattrs.list(this.table.get(node));
  }

  setxattr(node: NodeId, name: Uint8Array, value: Uint8Array, flags: number): void {
    const inode = this.inode(node);
    this.changeOpen(inode, () => this.xattrs.set(inode, name, value, flags));
    this.noteOwn(inode);
  }

  removexattr(node: NodeId, name: Uint8Array): void {
    const inode = this.inode(node);
    this.changeOpen(inode, () => this.xattrs.remove(inode, name));
    this.noteOwn(inode);
  }

  ioctl(node: NodeId, command: number, input: Uint8Array, caller: Caller): Uint8Array {
    if (node === TOP.live) throw Errno.of(errno.ENOTTY);
    const inode = this.table.get(node);
    if (!changesFlags(command)) return this.flags.read(inode, command);
    this.changeOpen(inode, () => this.flags.change(inode, command, input, caller));
    this.noteOwn(inode);
    return NOTHING;
  }

  changesFd(): number | undefined {
    return this.leases?.fd;
  }

  takeChanges(): readonly Change[] {
    return this.reported?.take() ?? [];
  }

  settle(): number {
    return this.freeze.settle();
  }

  /** For `observe`: the live nodes among these; of a file, its directory. */
  observe(nodes: readonly NodeId[]): void {
    this.observation.observe(nodes.filter(isLive));
  }

  formerly(place: Place): Entry | undefined {
    return this.observation.formerly(place);
  }

  takeEvents(): FileEvent[] {
    return this.observed?.take() ?? [];
  }

  missed(): void {
    this.observed?.missed();
  }

  takeMissed(): readonly FileEvent[] | undefined {
    return this.observed?.takeMissed();
  }

  observedOf(task: string): readonly Place[] {
    return this.observation.ofTask(task);
  }

  isMountedOn(place: Place): boolean {
    return this.observation.isMountedOn(place);
  }

  pathOf(node: NodeId): Uint8Array | undefined {
    const inode = this.table.peek(node);
    return inode && livePath(inode);
  }

  /** The names of all live tasks. */
  taskNames(): readonly string[] {
    return this.tasks.list().map(({ name }) => name);
  }

  /** Has other directories than live ones reported on by the same descriptor. */
  get watcher(): CacheLeases | undefined {
    return this.leases;
  }

  private noteOwn(inode: Inode): void {
    this.observed?.noteOwn(inode, () => this.resolver.stat(inode));
  }

  close(): void {
    this.unwritten?.settle();
    this.leases?.close();
    this.directories.closeAll();
    this.freeze.close();
    this.tasks.close();
  }

  /** The inode of a node that may be changed: the top directory may not. */
  private inode(node: NodeId): Inode {
    if (node === TOP.live) throw Errno.of(this.refusal);
    return this.table.get(node);
  }

  private change<T>(node: NodeId, action: (inode: Inode) => T): T {
    const inode = this.inode(node);
    return this.freeze.change(inode.task, () => action(inode));
  }

  /** A change of one file, which whoever still has it open for writing may always make. */
  private changeOpen(inode: Inode, action: () => void): void {
    if (!isBeingWritten(inode)) {
      this.freeze.change(inode.task, action);
      return;
    }
    this.freeze.assertOpen(inode.task);
    action();
  }

  private make(parent: NodeId, name: Uint8Array, action: (directory: Inode) => Made): Entry {
    const made = this.changeName(parent, IN.CREATE, name, (directory) => {
      const result = action(directory);
      markMadeIn(this.directories.descriptor(directory), name);
      this.observed?.noteOwnName(directory, name);
      return result;
    });
    return this.entry(made);
  }

  private remove(parent: NodeId, name: Uint8Array, action: (directory: Inode) => void): void {
    this.changeName(parent, IN.DELETE, name, action);
  }

  /** A change of one name, which inotify will report by the event `kind`. */
  private changeName<T>(
    parent: NodeId,
    kind: number,
    name: Uint8Array,
    action: (directory: Inode) => T,
  ): T {
    return this.change(parent, (directory) => {
      this.leases?.prepare(directory);
      const result = action(directory);
      this.leases?.changed(directory, kind, name);
      return result;
    });
  }

  private entry({ inode, stat }: Made): Entry {
    const ttl = this.ttl.ofEntry(inode, stat);
    this.table.setTtl(inode, ttl.entryTtlMs);
    return { node: inode.id, attr: stat, ...ttl };
  }

  private attributes(inode: Inode): Attributes {
    const stat = this.resolver.stat(inode);
    return { attr: stat, attrTtlMs: this.ttl.ofAttributes(inode, stat) };
  }
}

function isBeingWritten({ open }: Inode): boolean {
  for (const { writes } of open?.files ?? []) if (writes) return true;
  return false;
}

const fileInode = (file: OpenFile | undefined): Inode | undefined =>
  file instanceof LiveFile ? file.inode : undefined;
