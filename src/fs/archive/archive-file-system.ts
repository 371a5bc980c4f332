import { Errno, errno } from '../../errno.ts';
import type { Store } from '../../store/index.ts';
import { answering } from '../answering.ts';
import {
  type Attributes,
  type Change,
  type DirectoryEntry,
  type Entry,
  type FileSystem,
  type FileSystemStat,
  type HandleId,
  type NodeId,
  type PlainEntry,
  ROOT,
} from '../file-system.ts';
import { TOP } from '../node-ids.ts';
import type { CoreOptions } from '../options.ts';
import { TaskRecords } from '../task-records.ts';
import { TaskSlots } from '../task-slots.ts';
import { OpenArchives } from './archive-cache.ts';
import { ArchiveRoom } from './archive-subtree.ts';
import { KeyService } from './key-service.ts';
import { AttributeDemand } from './readdirplus-policy.ts';

/**
 * archive/ as a file system of its own, for a connection on which nothing is opened: a node is its
 * own handle. Answering OPEN, OPENDIR and FLUSH with ENOSYS tells the kernel not to ask for them
 * again, for the whole connection; live files need them, which is why these are two.
 */
export function createFileSystem(store: Store, options: CoreOptions = {}): FileSystem {
  return { ...refusals, ...answering(new ArchiveFileSystem(store, options)) };
}

const unknown = (): never => {
  throw Errno.of(errno.ENOSYS);
};

const refuse = (): never => {
  throw Errno.of(errno.EROFS);
};

const refusals = {
  open: unknown,
  opendir: unknown,
  flush: unknown,
  release: unknown,
  releasedir: unknown,
  fsync: unknown,
  fsyncdir: unknown,
  syncfs: unknown,
  getlk: unknown,
  setlk: unknown,
  lockHolder: unknown,
  flock: unknown,
  setattr: refuse,
  mknod: refuse,
  mkdir: refuse,
  symlink: refuse,
  link: refuse,
  unlink: refuse,
  rmdir: refuse,
  rename: refuse,
  create: refuse,
  tmpfile: refuse,
  write: refuse,
  fallocate: refuse,
  copyFileRange: refuse,
  setxattr: refuse,
  removexattr: refuse,
};

const inRoom = (node: NodeId): NodeId => (node === ROOT ? TOP.archive : node);

class ArchiveFileSystem {
  private readonly records: TaskRecords;
  private readonly archives: OpenArchives;
  private readonly demand = new AttributeDemand();
  private readonly room: ArchiveRoom;

  constructor(store: Store, options: CoreOptions) {
    this.records = new TaskRecords(store);
    const slots = new TaskSlots();
    this.archives = new OpenArchives(store, slots, new KeyService(store, options.identities));
    this.room = new ArchiveRoom(store, this.records, slots, this.archives, options, this.demand);
  }

  lookup(parent: NodeId, name: Uint8Array): Entry {
    return this.room.lookup(inRoom(parent), name);
  }

  /** Nodes are places in the index: nothing is kept for them. */
  forget(): void {}

  getattr(node: NodeId): Attributes {
    return this.room.getattr(inRoom(node));
  }

  readlink(node: NodeId): Uint8Array {
    return this.room.readlink(node);
  }

  read(file: HandleId, into: Uint8Array, offset: number): number {
    return this.room.fileAt(file).read(into, offset);
  }

  lseek(file: HandleId, offset: bigint, whence: number): bigint {
    return this.room.fileAt(file).seek(offset, whence);
  }

  readdir(
    directory: HandleId,
    cookie: bigint,
    add: (entry: DirectoryEntry) => boolean,
    addPlain?: (entry: PlainEntry) => boolean,
  ): void {
    this.room.directoryAt(inRoom(directory)).read(cookie, add, addPlain);
  }

  statfs(): FileSystemStat {
    return this.room.statfs();
  }

  getxattr(node: NodeId, name: Uint8Array): Uint8Array {
    return this.room.getxattr(inRoom(node), name);
  }

  listxattr(node: NodeId): readonly Uint8Array[] {
    return this.room.listxattr(inRoom(node));
  }

  takeChanges(): readonly Change[] {
    return this.demand.takeChanges();
  }

  close(): void {
    this.room.close();
    this.archives.close();
    this.records.close();
  }
}
