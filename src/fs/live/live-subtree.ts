import { constants } from 'node:fs';
import { Errno, errno } from '../../errno.ts';
import { latin1Of } from '../../latin1.ts';
import type { Store } from '../../store/index.ts';
import { IN, isRegular, isSymlink, readlinkAt, reopen, syncfs } from '../../sys/index.ts';
import type { FileSystemOptions } from '../driver.ts';
import type {
  AttrChange,
  Attributes,
  Caller,
  Change,
  Created,
  DirectoryEntry,
  Entry,
  NodeId,
} from '../file-system.ts';
import { TOP } from '../node-ids.ts';
import { statfsOf } from '../statfs.ts';
import {
  asksToWrite,
  type OpenDirectory,
  type OpenedFile,
  type OpenFile,
  type Subtree,
} from '../subtree.ts';
import type { TaskRecords } from '../task-records.ts';
import type { CacheLeases } from './cache-leases.ts';
import type { Inode } from './inode.ts';
import { changesFlags } from './inode-flags.ts';
import { LiveDirectory } from './live-directory.ts';
import { LiveFile, realFlags, refuseSpecial } from './live-file.ts';
import type { LiveObservation } from './live-observation.ts';
import { type LiveParts, liveParts } from './live-parts.ts';
import type { Made, MadeFile, NameOperations } from './name-operations.ts';
import type { LockDescriptors } from './record-locks.ts';
import { changeAttributes, eventsOf } from './setattr.ts';

/**
 * For how long (milliseconds) the kernel may cache the name of a task whose staging is attached.
 * src/attach/ invalidates it; otherwise every path through live/<task> would look it up again.
 */
const ATTACHED_MS = 86_400_000;

const NOTHING = new Uint8Array(0);

/**
 * live/: each running task's staging directory itself. Its top directory lists tasks and refuses
 * changes; below a task's directory every call is passed to the file system beneath.
 */
export class LiveSubtree implements Subtree {
  readonly refusal = errno.EPERM;
  private readonly store: Store;
  private readonly parts: LiveParts;

  constructor(
    store: Store,
    records: TaskRecords,
    lockDescriptors: LockDescriptors,
    options: FileSystemOptions,
  ) {
    this.store = store;
    this.parts = liveParts(store, records, lockDescriptors, options);
  }

  /** Has other directories than live ones reported on by the same descriptor. */
  get watcher(): CacheLeases | undefined {
    return this.parts.leases;
  }

  get observation(): LiveObservation {
    return this.parts.observation;
  }

  lookup(parent: NodeId, name: Uint8Array): Entry | undefined {
    const { table, tasks, names, attached } = this.parts;
    if (parent !== TOP.live) {
      const made = names.find(table.get(parent), name);
      return made && this.entry(made);
    }
    const found = tasks.find(name);
    if (!found) return undefined;
    const { task, stat } = found;
    const inode = table.meet(task, undefined, latin1Of(name), stat);
    const entry = this.entry({ inode, stat });
    return attached?.has(stat.ino) ? { ...entry, entryTtlMs: ATTACHED_MS } : entry;
  }

  missingTtlMs(parent: NodeId, name: Uint8Array): number {
    const { table, top, leases } = this.parts;
    if (parent === TOP.live) return top.missingTtlMs(name);
    return leases?.leaseMs(table.get(parent), latin1Of(name)) ?? 0;
  }

  isCached(parent: NodeId, { name, ino }: DirectoryEntry): boolean {
    const { table } = this.parts;
    return parent !== TOP.live && table.isCached(table.get(parent), latin1Of(name), ino);
  }

  forget(node: NodeId, count: number): void {
    this.parts.table.forget(node, count);
  }

  getattr(node: NodeId, file: OpenFile | undefined): Attributes {
    if (node === TOP.live) return this.parts.top.getattr();
    return this.attributes(fileInode(file) ?? this.parts.table.get(node));
  }

  isReadOnly(node: NodeId): boolean {
    return node !== TOP.live && this.parts.freeze.isFrozen(this.parts.table.get(node).task);
  }

  setattr(node: NodeId, file: OpenFile | undefined, change: AttrChange): Attributes {
    const inode = this.inode(node);
    const writable = file instanceof LiveFile && file.writes ? file.fd : undefined;
    const { changes, resolver } = this.parts;
    changes.ofInode(inode, eventsOf(change), () =>
      resolver.with(inode, (fd) => changeAttributes(fd, writable, change)),
    );
    if (change.size !== undefined && writable === undefined) changes.closedWritten(inode);
    return this.attributes(inode);
  }

  readlink(node: NodeId): Uint8Array {
    return this.parts.resolver.with(this.inode(node), (fd) => readlinkAt(fd, ''));
  }

  mknod(parent: NodeId, name: Uint8Array, mode: number, rdev: number, caller: Caller): Entry {
    return this.make(parent, name, (names, directory) =>
      names.mknod(directory, name, mode, rdev, caller),
    );
  }

  mkdir(parent: NodeId, name: Uint8Array, mode: number, caller: Caller): Entry {
    return this.make(parent, name, (names, directory) =>
      names.mkdir(directory, name, mode, caller),
    );
  }

  symlink(parent: NodeId, name: Uint8Array, target: Uint8Array, caller: Caller): Entry {
    return this.make(parent, name, (names, directory) =>
      names.symlink(directory, name, target, caller),
    );
  }

  link(node: NodeId, newParent: NodeId, newName: Uint8Array): Entry {
    const inode = this.inode(node);
    return this.make(newParent, newName, (names, directory) =>
      names.link(inode, directory, newName),
    );
  }

  private make(
    parent: NodeId,
    name: Uint8Array,
    action: (names: NameOperations, directory: Inode) => Made,
  ): Entry {
    const directory = this.inode(parent);
    return this.entry(
      this.parts.changes.make(directory, name, (names) => action(names, directory)),
    );
  }

  unlink(parent: NodeId, name: Uint8Array): void {
    const directory = this.inode(parent);
    this.parts.changes.remove(directory, name, (names) => names.unlink(directory, name));
  }

  rmdir(parent: NodeId, name: Uint8Array): void {
    const directory = this.inode(parent);
    this.parts.changes.remove(directory, name, (names) => names.rmdir(directory, name));
  }

  rename(
    parent: NodeId,
    name: Uint8Array,
    newParent: NodeId,
    newName: Uint8Array,
    flags: number,
  ): void {
    this.parts.changes.rename(this.inode(parent), name, this.inode(newParent), newName, flags);
  }

  open(node: NodeId, flags: number): OpenedFile {
    const inode = this.inode(node);
    const { type } = inode;
    if (!isRegular(type)) throw refuseSpecial(isSymlink(type));
    const { resolver, files, changes, freeze } = this.parts;
    const openReal = () => resolver.with(inode, (pinned) => reopen(pinned, realFlags(flags)));
    const open = (): OpenedFile => {
      const opened = files.open(inode, flags, openReal);
      if (flags & constants.O_TRUNC) changes.changed(inode, IN.MODIFY);
      return opened;
    };
    return asksToWrite(flags) ? freeze.change(inode.task, open) : open();
  }

  create(
    parent: NodeId,
    name: Uint8Array,
    flags: number,
    mode: number,
    caller: Caller,
  ): Created<OpenedFile> {
    const made = this.parts.changes.create(this.inode(parent), name, flags, mode, caller, (file) =>
      this.created(file, flags),
    );
    if (made) return made;
    const entry = this.lookup(parent, name);
    if (!entry) throw Errno.of(errno.ENOENT);
    try {
      return { entry, opened: this.open(entry.node, flags) };
    } catch (error) {
      this.forget(entry.node, 1);
      throw error;
    }
  }

  tmpfile(parent: NodeId, flags: number, mode: number, caller: Caller): Created<OpenedFile> {
    return this.parts.changes.tmpfile(this.inode(parent), flags, mode, caller, (file) =>
      this.created(file, flags),
    );
  }

  private created(file: MadeFile, flags: number): Created<OpenedFile> {
    const opened = this.parts.files.opened(file.inode, file.fd, flags);
    this.parts.changes.changed(file.inode, IN.ATTRIB);
    return { entry: this.entry(file), opened };
  }

  keepsListing(node: NodeId): boolean {
    const { table, leases } = this.parts;
    return node !== TOP.live && (leases?.leaseMs(table.get(node), '') ?? 0) > 0;
  }

  opendir(node: NodeId): OpenDirectory {
    if (node === TOP.live) return this.parts.top.opendir();
    const { table, directories, tasks } = this.parts;
    const inode = table.get(node);
    const { task } = inode;
    return new LiveDirectory(directories.descriptor(inode), () => tasks.assertLive(task));
  }

  statfs() {
    return statfsOf(this.store.staging);
  }

  syncfs(): void {
    const directory = new LiveDirectory(this.parts.tasks.staging, () => {});
    try {
      syncfs(directory.fd);
    } finally {
      directory.close();
    }
  }

  getxattr(node: NodeId, name: Uint8Array): Uint8Array {
    const { table, top, xattrs } = this.parts;
    return node === TOP.live ? top.getxattr(name) : xattrs.get(table.get(node), name);
  }

  listxattr(node: NodeId): readonly Uint8Array[] {
    const { table, top, xattrs } = this.parts;
    return node === TOP.live ? top.listxattr() : xattrs.list(table.get(node));
  }

  setxattr(node: NodeId, name: Uint8Array, value: Uint8Array, flags: number): void {
    const inode = this.inode(node);
    this.parts.changes.ofInode(inode, IN.ATTRIB, () =>
      this.parts.xattrs.set(inode, name, value, flags),
    );
  }

  removexattr(node: NodeId, name: Uint8Array): void {
    const inode = this.inode(node);
    this.parts.changes.ofInode(inode, IN.ATTRIB, () => this.parts.xattrs.remove(inode, name));
  }

  ioctl(node: NodeId, command: number, input: Uint8Array, caller: Caller): Uint8Array {
    if (node === TOP.live) throw Errno.of(errno.ENOTTY);
    const inode = this.parts.table.get(node);
    if (!changesFlags(command)) return this.parts.flags.read(inode, command);
    this.parts.changes.ofInode(inode, IN.ATTRIB, () =>
      this.parts.flags.change(inode, command, input, caller),
    );
    return NOTHING;
  }

  changesFd(): number | undefined {
    return this.parts.leases?.fd;
  }

  takeChanges(): readonly Change[] {
    return this.parts.reported?.take() ?? [];
  }

  /** Whether the kernel may hold something that `takeChanges` would report as old. */
  get isAnythingCached(): boolean {
    return this.parts.leases?.isLeasing ?? false;
  }

  settle(): number {
    const { freeze, deferred, pins } = this.parts;
    return Math.min(freeze.settle(), deferred.settle(), pins.settle());
  }

  /** The names of all live tasks. */
  taskNames(): readonly string[] {
    return this.parts.tasks.list().map(({ name }) => name);
  }

  close(): void {
    const { unwritten, leases, directories, pins, freeze, tasks } = this.parts;
    unwritten?.settle();
    pins.closeAll();
    leases?.close();
    directories.closeAll();
    freeze.close();
    tasks.close();
  }

  /** The inode of a node that may be changed: the top directory may not. */
  private inode(node: NodeId): Inode {
    if (node === TOP.live) throw Errno.of(this.refusal);
    return this.parts.table.get(node);
  }

  private entry({ inode, stat }: Made): Entry {
    const { table, ttl } = this.parts;
    const times = ttl.ofEntry(inode, stat);
    table.setTtl(inode, times.entryTtlMs);
    return { node: inode.id, attr: stat, ...times };
  }

  private attributes(inode: Inode): Attributes {
    const stat = this.parts.resolver.stat(inode);
    return { attr: stat, attrTtlMs: this.parts.ttl.ofAttributes(inode, stat) };
  }
}

const fileInode = (file: OpenFile | undefined): Inode | undefined =>
  file instanceof LiveFile ? file.inode : undefined;
