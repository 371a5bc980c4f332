import type { Store } from '../../store/index.ts';
import {
  DT,
  Errno,
  errno,
  isDirectory,
  isRegular,
  isSymlink,
  readlinkAt,
  type Stat,
  syncfs,
} from '../../sys/index.ts';
import type { AttrChange, Attributes, Caller, Entry, NodeId } from '../filesystem.ts';
import { TOP } from '../node-ids.ts';
import type { CreatedFile, OpenDirectory, OpenedFile, OpenFile, Room } from '../room.ts';
import { spaceOf } from '../space.ts';
import type { TaskRecords } from '../task-records.ts';
import { directoryAttr, listVirtual } from '../virtual-directory.ts';
import { changeAttributes } from './attributes.ts';
import { Directories } from './directories.ts';
import { Freeze } from './freeze.ts';
import type { Inode } from './inode.ts';
import { InodeTable } from './inode-table.ts';
import { LiveDirectory } from './live-directory.ts';
import { asksToWrite, LiveFile, realFlags, refuseSpecial, reopen } from './live-file.ts';
import { LiveTasks } from './live-tasks.ts';
import { LiveXattrs } from './live-xattrs.ts';
import { type Made, Names } from './names.ts';
import { Resolver } from './resolver.ts';

/**
 * A lookup lends the attributes that it found for a moment (milliseconds), so that the stat(2) for
 * which the name was looked up need not ask a second time. The next one looks the name up again.
 * Files that are open lend nothing: whoever holds them open asks without a lookup. Directories do
 * when asked, since the kernel asks before each step through one.
 */
const LENT_MS = 1;

/** How many directories are kept open between calls: well below the usual limit of 1024 files. */
const DIRECTORY_LIMIT = 256;

/**
 * live/: each running task's staging directory itself. Its top directory lists tasks and refuses
 * changes; below a task's directory every call is passed to the file system beneath.
 */
export class LiveRoom implements Room {
  readonly refusal = errno.EPERM;
  private readonly store: Store;
  private readonly ttlMs: number;
  private readonly startNs = BigInt(Date.now()) * 1_000_000n;
  private readonly tasks: LiveTasks;
  private readonly directories: Directories;
  private readonly table: InodeTable;
  private readonly resolver: Resolver;
  private readonly names: Names;
  private readonly freeze: Freeze;
  private readonly xattrs: LiveXattrs;

  constructor(store: Store, records: TaskRecords, ttlMs: number) {
    this.store = store;
    this.ttlMs = ttlMs;
    this.tasks = new LiveTasks(store);
    this.directories = new Directories(this.tasks.staging, DIRECTORY_LIMIT);
    this.table = new InodeTable((inode) => this.directories.close(inode));
    this.resolver = new Resolver(this.directories);
    this.names = new Names(this.table, this.directories, this.resolver);
    this.freeze = new Freeze(store, records);
    this.xattrs = new LiveXattrs(this.resolver, records);
  }

  lookup(parent: NodeId, name: Uint8Array): Entry {
    if (parent !== TOP.live) return this.entry(this.names.find(this.table.get(parent), name));
    const { task, stat } = this.tasks.stat(name);
    return this.entry({ inode: this.table.meet(task, undefined, name, stat), stat });
  }

  forget(node: NodeId, count: number): void {
    this.table.forget(node, count);
  }

  getattr(node: NodeId, file: OpenFile | undefined): Attributes {
    if (node === TOP.live) {
      return { attr: directoryAttr(node, 0o555, this.startNs), attrTtlMs: this.ttlMs };
    }
    return this.attributes(this.resolver.stat(fileInode(file) ?? this.table.get(node)));
  }

  setattr(node: NodeId, file: OpenFile | undefined, change: AttrChange): Attributes {
    const inode = this.inode(node);
    const writable = file instanceof LiveFile && file.writes ? file.fd : undefined;
    this.freeze.change(inode.task, () =>
      this.resolver.with(inode, (fd) => changeAttributes(fd, writable, change)),
    );
    return this.attributes(this.resolver.stat(inode));
  }

  readlink(node: NodeId): Uint8Array {
    return this.resolver.with(this.inode(node), (fd) => readlinkAt(fd, ''));
  }

  mknod(parent: NodeId, name: Uint8Array, mode: number, rdev: number, caller: Caller): Entry {
    return this.make(parent, (directory) => this.names.mknod(directory, name, mode, rdev, caller));
  }

  mkdir(parent: NodeId, name: Uint8Array, mode: number, caller: Caller): Entry {
    return this.make(parent, (directory) => this.names.mkdir(directory, name, mode, caller));
  }

  symlink(parent: NodeId, name: Uint8Array, target: Uint8Array, caller: Caller): Entry {
    return this.make(parent, (directory) => this.names.symlink(directory, name, target, caller));
  }

  link(node: NodeId, newParent: NodeId, newName: Uint8Array): Entry {
    const inode = this.inode(node);
    return this.make(newParent, (directory) => this.names.link(inode, directory, newName));
  }

  unlink(parent: NodeId, name: Uint8Array): void {
    this.change(parent, (directory) => this.names.unlink(directory, name));
  }

  rmdir(parent: NodeId, name: Uint8Array): void {
    this.change(parent, (directory) => this.names.rmdir(directory, name));
  }

  rename(
    parent: NodeId,
    name: Uint8Array,
    newParent: NodeId,
    newName: Uint8Array,
    flags: number,
  ): void {
    const to = this.inode(newParent);
    this.change(parent, (from) => this.names.rename(from, name, to, newName, flags));
  }

  open(node: NodeId, flags: number): OpenedFile {
    const inode = this.inode(node);
    const { type } = inode;
    if (!isRegular(type)) throw refuseSpecial(isSymlink(type));
    const writes = asksToWrite(flags);
    if (writes) this.freeze.enter(inode.task);
    try {
      const fd = this.resolver.with(inode, (pinned) => reopen(pinned, realFlags(flags)));
      return this.opened(inode, fd, flags);
    } catch (error) {
      if (writes) this.freeze.leave(inode.task);
      throw error;
    }
  }

  create(
    parent: NodeId,
    name: Uint8Array,
    flags: number,
    mode: number,
    caller: Caller,
  ): CreatedFile {
    const made = this.change(parent, (directory) => {
      const fresh = this.names.create(directory, name, flags, mode, caller);
      return fresh && this.created(fresh, flags);
    });
    if (made) return made;
    const entry = this.lookup(parent, name);
    try {
      return { ...this.open(entry.node, flags), entry };
    } catch (error) {
      this.forget(entry.node, 1);
      throw error;
    }
  }

  tmpfile(parent: NodeId, flags: number, mode: number, caller: Caller): CreatedFile {
    return this.change(parent, (directory) =>
      this.created(this.names.tmpfile(directory, flags, mode, caller), flags),
    );
  }

  /** Opens what a change has just made, while that still holds off the freeze. */
  private created(made: Made & { readonly fd: number }, flags: number): CreatedFile {
    if (asksToWrite(flags)) this.freeze.join(made.inode.task);
    return { ...this.opened(made.inode, made.fd, flags), entry: this.entry(made) };
  }

  private opened(inode: Inode, fd: number, flags: number): OpenedFile {
    const file = new LiveFile(inode, fd, flags, () => {
      if (file.writes) this.freeze.leave(inode.task);
    });
    return { file, keepCache: false, directIo: false };
  }

  opendir(node: NodeId): OpenDirectory {
    if (node !== TOP.live) {
      return new LiveDirectory(this.directories.descriptor(this.table.get(node)));
    }
    return listVirtual(node, () =>
      this.tasks.list().map(({ name, ino }) => ({ name, ino, type: DT.DIR })),
    );
  }

  statfs() {
    return spaceOf(this.store.staging);
  }

  syncfs(): void {
    const directory = new LiveDirectory(this.tasks.staging);
    try {
      syncfs(directory.fd);
    } finally {
      directory.close();
    }
  }

  getxattr(node: NodeId, name: Uint8Array): Uint8Array {
    if (node === TOP.live) throw Errno.of(errno.ENODATA);
    return this.xattrs.get(this.table.get(node), name);
  }

  listxattr(node: NodeId): readonly Uint8Array[] {
    return node === TOP.live ? [] : this.xattrs.list(this.table.get(node));
  }

  setxattr(node: NodeId, name: Uint8Array, value: Uint8Array, flags: number): void {
    this.change(node, (inode) => this.xattrs.set(inode, name, value, flags));
  }

  removexattr(node: NodeId, name: Uint8Array): void {
    this.change(node, (inode) => this.xattrs.remove(inode, name));
  }

  close(): void {
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

  private make(parent: NodeId, action: (directory: Inode) => Made): Entry {
    return this.entry(this.change(parent, action));
  }

  private entry({ inode, stat }: Made): Entry {
    const { ttlMs } = this;
    const attrTtlMs = inode.files ? ttlMs : Math.max(ttlMs, LENT_MS);
    return { node: inode.id, attr: stat, entryTtlMs: ttlMs, attrTtlMs };
  }

  private attributes(stat: Stat): Attributes {
    const { ttlMs } = this;
    return { attr: stat, attrTtlMs: isDirectory(stat.mode) ? Math.max(ttlMs, LENT_MS) : ttlMs };
  }
}

const fileInode = (file: OpenFile | undefined): Inode | undefined =>
  file instanceof LiveFile ? file.inode : undefined;
