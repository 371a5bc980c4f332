import { closeSync, constants } from 'node:fs';
import { Errno, errno } from '../../errno.ts';
import { bytesOfLatin1, latin1Of } from '../../latin1.ts';
import { isTaskName, OWN_XATTR_PREFIX, type Store } from '../../store/index.ts';
import {
  DT,
  IN,
  isOpenForWriting,
  isRegular,
  isSymlink,
  RENAME_EXCHANGE,
  readlinkAt,
  reopen,
  type Stat,
  statAt,
  statFd,
  syncfs,
} from '../../sys/index.ts';
import type { FileSystemOptions } from '../driver.ts';
import type {
  Attr,
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
import { isMarked, markMade, markMadeIn, markRenamed } from './editor-files.ts';
import { Freeze } from './freeze.ts';
import { type Inode, isDirectoryInode, rawName } from './inode.ts';
import { changesFlags, InodeFlags } from './inode-flags.ts';
import { InodeTable } from './inode-table.ts';
import { KeptPages } from './kept-pages.ts';
import { LiveDirectory } from './live-directory.ts';
import { LiveFile, realFlags, refuseSpecial } from './live-file.ts';
import { LiveTasks } from './live-tasks.ts';
import { LiveXattrs } from './live-xattrs.ts';
import { type Made, NameOperations } from './name-operations.ts';
import { livePath, ObservedDirectories } from './observed-directories.ts';
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
  private readonly records: TaskRecords;
  private readonly sharedMmap: boolean;
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
  private watched: readonly Inode[] = [];
  private readonly observed: ObservedDirectories | undefined;
  private readonly unwritten: UnwrittenFiles | undefined;
  private readonly ttl: CacheTtl;
  private readonly pages: KeptPages;
  private readonly attached: AttachedDirectories | undefined;
  private readonly mode: string;

  constructor(store: Store, records: TaskRecords, options: FileSystemOptions) {
    const { liveTtlMs = 0, cacheLeases } = options;
    this.store = store;
    this.records = records;
    this.sharedMmap = options.sharedMmap ?? false;
    this.attached = options.attached && new AttachedDirectories(options.attached);
    this.mode = options.liveMode ?? 'fuse';
    this.tasks = new LiveTasks(store);
    this.directories = new DirectoryFdCache(this.tasks.staging, DIRECTORY_LIMIT);
    this.leases = cacheLeases ? new CacheLeases(this.directories) : undefined;
    this.table = new InodeTable((inode) => {
      this.leases?.end(inode);
      this.observed?.forget(inode);
      this.directories.close(inode);
    });
    this.pages = new KeptPages(this.table, store.staging);
    this.observed = this.leases && this.observedBy(this.leases);
    this.resolver = new Resolver(this.directories);
    this.unwritten = this.leases && new UnwrittenFiles(this.table, this.resolver, this.leases);
    this.ttl = new CacheTtl(liveTtlMs, this.leases, this.unwritten);
    this.names = new NameOperations(this.table, this.directories, this.resolver);
    this.freeze = new Freeze(store, records, cacheLeases ?? false);
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
      const opened = this.opened(inode, fd, flags);
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
    const opened = this.opened(made.inode, made.fd, flags);
    this.noteOwn(made.inode);
    return { entry: this.entry(made), opened };
  }

  /** Within a change where it is opened for writing: sealing then waits until it is closed. */
  private opened(inode: Inode, fd: number, flags: number): OpenedFile {
    const { task } = inode;
    const isWaitedFor = asksToWrite(flags) && !this.isLeftOut(inode, fd);
    if (isWaitedFor) this.freeze.join(task);
    const state = this.table.open(inode);
    const file = new LiveFile(inode, state, fd, flags, {
      assertOpen: () => this.freeze.assertOpen(task),
      changed: ({ fd }) => this.observed?.noteOwn(inode, () => statFd(fd)),
      isWritten: () => !this.unwritten?.isProven(inode) && isOpenForWriting(fd),
      closed: ({ writes }) => {
        if (writes || !this.unwritten) closeSync(fd);
        else this.unwritten.close(inode, fd);
        if (writes) this.observed?.noteOwnClose(inode);
        if (isWaitedFor) this.freeze.leave(task);
        if (state.files.size === 0) this.table.closed(inode);
      },
    });
    const shared = state.files.size > 1;
    const refresh = !this.isQuietAround(inode);
    const directIo = file.writes && !this.sharedMmap;
    const keepCache = !file.writes && this.pages.mayKeep(inode, fd);
    return { file, keepCache, directIo, shared, refresh };
  }

  /** Whether sealing leaves an open file out, as an editor's. */
  private isLeftOut({ task, name }: Inode, fd: number): boolean {
    return isMarked(fd, name) && !this.records.find(task)?.keepEditorFiles;
  }

  /** Whether changes of the inode are reported, and none came for a while. */
  private isQuietAround({ parent }: Inode): boolean {
    return parent !== undefined && (this.leases?.isQuiet(parent) ?? false);
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
    if (!this.leases || !this.unwritten) return [];
    const { revoked, opened } = this.leases.take();
    const changes = revoked.map(({ directory, name }) => this.changeOf(directory, name));
    for (const event of opened) {
      const find = () => this.inodeAt(event.directory, bytesOfLatin1(event.name));
      const inode = this.unwritten.reopened(event, find);
      if (inode) changes.push(attributesOf(event.directory, inode));
    }
    this.unwritten.settle();
    return changes;
  }

  settle(): number {
    return this.freeze.settle();
  }

  private changeOf(directory: Inode | undefined, name: Buffer): Change {
    if (!directory) this.table.expireAll();
    const inode = directory && name.length > 0 ? this.inodeAt(directory, name) : undefined;
    if (inode) this.table.setTtl(inode, 0);
    return { directory: directory?.id, name, node: inode?.id };
  }

  private inodeAt(directory: Inode, name: Buffer): Inode | undefined {
    try {
      const stat = statAt(this.directories.descriptor(directory), name);
      return this.table.find(directory.task, stat);
    } catch (error) {
      // The name is gone, or the directory is: the lookup that follows will say so.
      if (error instanceof Errno) return undefined;
      throw error;
    }
  }

  /** For `observe`: the live nodes among these; of a file, its directory. */
  observe(nodes: readonly NodeId[]): void {
    const found = nodes.filter(isLive).map((node) => this.table.peek(node));
    this.watched = found.filter((inode) => inode !== undefined);
    const directories = found.map((inode) =>
      inode && !isDirectoryInode(inode) ? inode.parent : inode,
    );
    this.observed?.set(directories.filter((inode) => inode !== undefined));
  }

  /**
   * What was last seen in a place and is not there any more: an observed inode, or a directory
   * that leads to one.
   */
  formerly({ directory, name }: Place): Entry | undefined {
    const text = latin1Of(name);
    const isThere = (each: Inode) =>
      each.name === text && (each.parent?.id ?? TOP.live) === directory;
    const inode = this.watched.flatMap(withAncestors).find(isThere);
    if (!inode || this.table.peek(inode.id)?.ino !== inode.ino) return undefined;
    const attr = this.stateOf(inode);
    if (attr && attr.nlink > 0 && !isDirectoryInode(inode)) return undefined;
    this.table.refer(inode);
    return { node: inode.id, attr: attr ?? goneAttr(inode), entryTtlMs: 0, attrTtlMs: 0 };
  }

  private stateOf(inode: Inode): Stat | undefined {
    try {
      return this.resolver.stat(inode);
    } catch (error) {
      if (error instanceof Errno) return undefined;
      throw error;
    }
  }

  takeEvents(): FileEvent[] {
    return this.observed?.take() ?? [];
  }

  /** The observed directories of a task, the deepest first, each as a name in its parent. */
  observedOf(task: string): readonly Place[] {
    const directories = this.observed?.ofTask(task) ?? [];
    return directories.map((inode) => ({
      directory: inode.parent?.id ?? TOP.live,
      name: rawName(inode),
    }));
  }

  /** Whether a task's staging is attached there. */
  isMountedOn({ directory, name }: Place): boolean {
    if (!this.attached || directory !== TOP.live) return false;
    try {
      return this.attached.has(this.tasks.stat(name).stat.ino);
    } catch (error) {
      if (error instanceof Errno) return false;
      throw error;
    }
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

/** Nothing of a name, but what it stands for may change unheard from now on. */
const attributesOf = (directory: Inode, inode: Inode): Change => ({
  directory: directory.id,
  name: NOTHING,
  node: inode.id,
  isContentOld: inode.open !== undefined,
});

function isBeingWritten({ open }: Inode): boolean {
  for (const { writes } of open?.files ?? []) if (writes) return true;
  return false;
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

const fileInode = (file: OpenFile | undefined): Inode | undefined =>
  file instanceof LiveFile ? file.inode : undefined;
