import { Errno, errno } from '../errno.ts';
import type { Store } from '../store/index.ts';
import { copyFileRange, fallocate, seek } from '../sys/index.ts';
import { answering } from './answering.ts';
import { OpenArchives } from './archive/archive-cache.ts';
import { ArchiveRoom } from './archive/archive-subtree.ts';
import { KeyService } from './archive/key-service.ts';
import { OpenShares } from './descriptor-quota.ts';
import type {
  AttrChange,
  Attributes,
  Caller,
  Change,
  DirectoryEntry,
  Entry,
  FileSystem,
  FileSystemStat,
  HandleId,
  NodeId,
  Opened,
  RangeLock,
} from './file-system.ts';
import { HandleTable } from './handle-table.ts';
import { LiveRoom } from './live/live-subtree.ts';
import { LogRoom } from './logs/logs-subtree.ts';
import { isArchive, isLive, isLog, TOP } from './node-ids.ts';
import type { CoreOptions } from './options.ts';
import { RootRoom } from './root.ts';
import type { CreatedFile, OpenDirectory, OpenedFile, OpenFile, Room } from './subtree.ts';
import { TaskRecords } from './task-records.ts';
import { TaskSlots } from './task-slots.ts';

/** Makes the file system that a mount of `store` shows. Worker-safe: no state outside of what it returns. */
export function createFileSystem(store: Store, options: CoreOptions = {}): FileSystem {
  return answering(new Core(store, options));
}

/** Sends each call to the room that owns the node, and keeps the handles. */
class Core implements FileSystem {
  private readonly records: TaskRecords;
  private readonly root: Room;
  private readonly live: LiveRoom;
  private readonly archives: OpenArchives;
  private readonly archive: ArchiveRoom;
  private readonly logs: Room;
  private readonly shares: OpenShares;
  private readonly files: HandleTable<OpenFile>;
  private readonly directories: HandleTable<OpenDirectory>;

  constructor(store: Store, options: CoreOptions) {
    this.shares = new OpenShares(options.othersEnter ?? false);
    this.files = new HandleTable(this.shares);
    this.directories = new HandleTable(this.shares);
    this.records = new TaskRecords(store);
    this.live = new LiveRoom(store, this.records, options);
    const slots = new TaskSlots();
    this.archives = new OpenArchives(store, slots, new KeyService(store, options.identities));
    this.archive = new ArchiveRoom(store, this.records, slots, this.archives, options);
    this.logs = new LogRoom(store, slots, this.archives);
    this.root = new RootRoom(store, (node) => this.getattr(node, undefined));
  }

  lookup(parent: NodeId, name: Uint8Array, caller: Caller): Entry {
    return this.roomOf(parent).lookup(parent, name, caller);
  }

  forget(node: NodeId, count: number): void {
    this.roomOf(node).forget?.(node, count);
  }

  missingTtlMs(parent: NodeId, name: Uint8Array): number {
    return isLive(parent) ? this.live.missingTtlMs(parent, name) : 0;
  }

  isLent(parent: NodeId, entry: DirectoryEntry): boolean {
    return isLive(parent) && this.live.isLent(parent, entry);
  }

  getattr(node: NodeId, handle: HandleId | undefined): Attributes {
    return this.roomOf(node).getattr(node, this.fileOf(handle));
  }

  setattr(
    node: NodeId,
    handle: HandleId | undefined,
    change: AttrChange,
    caller: Caller,
  ): Attributes {
    const room = this.roomOf(node);
    return room.setattr?.(node, this.fileOf(handle), change, caller) ?? refuse(room);
  }

  readlink(node: NodeId): Uint8Array {
    return this.roomOf(node).readlink?.(node) ?? fail(errno.EINVAL);
  }

  mknod(parent: NodeId, name: Uint8Array, mode: number, rdev: number, caller: Caller): Entry {
    const room = this.roomOf(parent);
    return room.mknod?.(parent, name, mode, rdev, caller) ?? refuse(room);
  }

  mkdir(parent: NodeId, name: Uint8Array, mode: number, caller: Caller): Entry {
    const room = this.roomOf(parent);
    return room.mkdir?.(parent, name, mode, caller) ?? refuse(room);
  }

  symlink(parent: NodeId, name: Uint8Array, target: Uint8Array, caller: Caller): Entry {
    const room = this.roomOf(parent);
    return room.symlink?.(parent, name, target, caller) ?? refuse(room);
  }

  link(node: NodeId, newParent: NodeId, newName: Uint8Array): Entry {
    const room = this.roomOf(newParent);
    if (room !== this.roomOf(node)) return fail(errno.EXDEV);
    return room.link?.(node, newParent, newName) ?? refuse(room);
  }

  unlink(parent: NodeId, name: Uint8Array): void {
    const room = this.roomOf(parent);
    (room.unlink ?? refuse(room)).call(room, parent, name);
  }

  rmdir(parent: NodeId, name: Uint8Array): void {
    const room = this.roomOf(parent);
    (room.rmdir ?? refuse(room)).call(room, parent, name);
  }

  rename(
    parent: NodeId,
    name: Uint8Array,
    newParent: NodeId,
    newName: Uint8Array,
    flags: number,
  ): void {
    const room = this.roomOf(parent);
    if (room !== this.roomOf(newParent)) fail(errno.EXDEV);
    (room.rename ?? refuse(room)).call(room, parent, name, newParent, newName, flags);
  }

  open(node: NodeId, flags: number, caller: Caller): Opened {
    this.shares.assertRoom(caller.uid);
    return this.opened(this.roomOf(node).open(node, flags, caller), caller);
  }

  create(parent: NodeId, name: Uint8Array, flags: number, mode: number, caller: Caller) {
    const room = this.roomOf(parent);
    this.shares.assertRoom(caller.uid);
    return this.created(room.create?.(parent, name, flags, mode, caller) ?? refuse(room), caller);
  }

  tmpfile(parent: NodeId, flags: number, mode: number, caller: Caller) {
    const room = this.roomOf(parent);
    this.shares.assertRoom(caller.uid);
    return this.created(room.tmpfile?.(parent, flags, mode, caller) ?? refuse(room), caller);
  }

  passedThrough(handle: HandleId): void {
    this.files.get(handle).passedThrough?.();
  }

  contentFd(handle: HandleId): number | undefined {
    return this.files.get(handle).contentFd;
  }

  read(handle: HandleId, into: Uint8Array, offset: number): number {
    return this.files.get(handle).read(into, offset);
  }

  write(handle: HandleId, data: Uint8Array, offset: number, appends?: boolean): number {
    return this.files.get(handle).write?.(data, offset, appends) ?? fail(errno.EBADF);
  }

  /** Nothing is held back: what was written has reached the file system beneath. */
  flush(handle: HandleId): void {
    this.files.get(handle);
  }

  release(handle: HandleId): void {
    this.files.close(handle);
  }

  fsync(handle: HandleId, dataOnly: boolean): void {
    this.files.get(handle).sync?.(dataOnly);
  }

  lseek(handle: HandleId, offset: bigint, whence: number): bigint {
    const file = this.files.get(handle);
    return file.seek?.(offset, whence) ?? seek(this.realFile(handle), offset, whence);
  }

  fallocate(handle: HandleId, mode: number, offset: bigint, length: bigint): void {
    fallocate(this.writableFile(handle), mode, offset, length);
  }

  copyFileRange(
    source: HandleId,
    sourceOffset: bigint,
    target: HandleId,
    targetOffset: bigint,
    length: number,
  ): number {
    const [from, to] = [this.realFile(source), this.writableFile(target)];
    return copyFileRange(from, sourceOffset, to, targetOffset, length);
  }

  opendir(node: NodeId, caller: Caller): HandleId {
    this.shares.assertRoom(caller.uid);
    return this.directories.add(this.roomOf(node).opendir(node), caller.uid);
  }

  keepsListing(node: NodeId): boolean {
    return isLive(node) ? this.live.keepsListing(node) : isArchive(node);
  }

  readdir(handle: HandleId, cookie: bigint, add: (entry: DirectoryEntry) => boolean): void {
    this.directories.get(handle).read(cookie, add);
  }

  releasedir(handle: HandleId): void {
    this.directories.close(handle);
  }

  fsyncdir(handle: HandleId): void {
    this.directories.get(handle).sync?.();
  }

  statfs(node: NodeId): FileSystemStat {
    return this.roomOf(node).statfs(node);
  }

  syncfs(): void {
    this.live.syncfs?.();
  }

  getxattr(node: NodeId, name: Uint8Array): Uint8Array {
    return this.roomOf(node).getxattr(node, name);
  }

  listxattr(node: NodeId): readonly Uint8Array[] {
    return this.roomOf(node).listxattr(node);
  }

  setxattr(node: NodeId, name: Uint8Array, value: Uint8Array, flags: number): void {
    const room = this.roomOf(node);
    (room.setxattr ?? refuse(room)).call(room, node, name, value, flags);
  }

  removexattr(node: NodeId, name: Uint8Array): void {
    const room = this.roomOf(node);
    (room.removexattr ?? refuse(room)).call(room, node, name);
  }

  ioctl(node: NodeId, command: number, input: Uint8Array, caller: Caller): Uint8Array {
    return this.roomOf(node).ioctl?.(node, command, input, caller) ?? fail(errno.ENOTTY);
  }

  getlk(handle: HandleId, owner: bigint, lock: RangeLock): RangeLock | undefined {
    return this.files.get(handle).getlk?.(owner, lock);
  }

  /** Files that nobody can write need no locks: every one is had. */
  setlk(handle: HandleId, owner: bigint, lock: RangeLock): void {
    this.files.get(handle).setlk?.(owner, lock);
  }

  lockHolder(handle: HandleId, owner: bigint, lock: RangeLock): bigint | undefined {
    return this.files.get(handle).lockHolder?.(owner, lock);
  }

  flock(handle: HandleId, _owner: bigint, kind: 'shared' | 'exclusive' | 'unlock'): void {
    this.files.get(handle).flock?.(kind);
  }

  changesFd(): number | undefined {
    return this.live.changesFd();
  }

  takeChanges(): readonly Change[] {
    return this.live.takeChanges();
  }

  close(): void {
    this.files.closeAll();
    this.directories.closeAll();
    for (const room of [this.root, this.live, this.archive, this.logs]) room.close();
    this.archives.close();
    this.records.close();
  }

  private roomOf(node: NodeId): Room {
    if (node === TOP.live || isLive(node)) return this.live;
    if (node === TOP.archive || isArchive(node)) return this.archive;
    if (node === TOP.logs || isLog(node)) return this.logs;
    if (node === TOP.root) return this.root;
    return fail(errno.ESTALE);
  }

  private fileOf(handle: HandleId | undefined): OpenFile | undefined {
    return handle === undefined ? undefined : this.files.get(handle);
  }

  private opened(opened: OpenedFile, { uid }: Caller): Opened {
    const { file, keepCache, directIo, shared = false, refresh = false } = opened;
    const handle = this.files.add(file, uid);
    return { handle, keepCache, directIo, shared, refresh, backingFd: file.fd };
  }

  private created(made: CreatedFile, caller: Caller) {
    return { entry: made.entry, opened: this.opened(made, caller) };
  }

  private writableFile(handle: HandleId): number {
    this.files.get(handle).assertWritable?.();
    return this.realFile(handle);
  }

  private realFile(handle: HandleId): number {
    return this.files.get(handle).fd ?? fail(errno.EOPNOTSUPP);
  }
}

function refuse(room: Room): never {
  return fail(room.refusal);
}

function fail(number: number): never {
  throw Errno.of(number);
}
