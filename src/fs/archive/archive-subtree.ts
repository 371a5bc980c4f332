import { closeSync, constants, openSync } from 'node:fs';
import type { ArchiveReader, IndexEntry } from '../../archive/index.ts';
import { Errno, errno } from '../../errno.ts';
import { bytesOfLatin1, latin1Of } from '../../latin1.ts';
import { isTaskName, type Store, type TaskName } from '../../store/index.ts';
import {
  isDirectory,
  listDirectory,
  O_PATH,
  openAt,
  type Stat,
  statAt,
  statFd,
} from '../../sys/index.ts';
import type { FileSystemOptions } from '../driver.ts';
import type { Attributes, Entry, NodeId, Place } from '../file-system.ts';
import { ShownTasks } from '../mount-view.ts';
import type { TaskSlots } from '../node-ids.ts';
import { archivedNode, archiveNode, archivePlace, inoOf, TOP } from '../node-ids.ts';
import { statfsOf } from '../statfs.ts';
import { asksToWrite, type OpenDirectory, type OpenedFile, type Subtree } from '../subtree.ts';
import { directoriesOf, type TaskList } from '../task-list-events.ts';
import type { TaskRecords } from '../task-records.ts';
import { directoryAttr } from '../virtual-directory.ts';
import type { ArchiveCache } from './archive-cache.ts';
import {
  archivedAttr,
  archivedStatus,
  contentXattrs,
  SEALED_TTL_MS,
  sealedXattrs,
} from './archived-attr.ts';
import { ArchivedDirectory } from './archived-directory.ts';
import { ArchivedFile } from './archived-file.ts';
import type { ReaddirplusPolicy } from './readdirplus-policy.ts';
import { type ArchivedTask, TaskListing } from './task-listing.ts';

type Ownership = Pick<IndexEntry, 'mode' | 'uid' | 'gid'>;

/** Stands for the tasks themselves where attributes are asked for: no task has this slot. */
const TASKS = -1;
/** Which tasks are sealed may change. */
const TASKS_TTL_MS = 1000;
/** Longer than any file system's clock takes from one time to the next. */
const TICK_NS = 100_000_000n;
const SECOND_NS = 1_000_000_000n;

/** What archive/ is put together from. */
export interface ArchiveParts {
  readonly store: Store;
  readonly records: TaskRecords;
  readonly slots: TaskSlots;
  readonly archives: ArchiveCache;
  /** The node of archive/ itself. */
  readonly top: NodeId;
  /** Left out, every listing carries attributes. */
  readonly policy?: ReaddirplusPolicy;
}

/** archive/, however its tasks are arranged. */
export interface ArchiveTree extends Subtree {
  /** The file that a node is, and the directory, for who opens nothing. */
  fileAt(node: NodeId): ArchivedFile;
  directoryAt(node: NodeId): OpenDirectory;
  getattr(node: NodeId): Attributes;
  /** The directory of tasks whose changes concern who observes a node. */
  listNodeOf(node: NodeId): NodeId;
  listAt(node: NodeId): TaskList | undefined;
  /** What a name stood for before its archive was removed. */
  formerly(place: Place): Entry | undefined;
  /** The path of a directory of tasks from the top of archive/. */
  pathOf(node: NodeId): string | undefined;
}

/**
 * archive/: each sealed task's tree, decrypted as it is read. Nodes below a task are positions in
 * its index, so nothing is kept in memory for them, and nothing has to be forgotten.
 */
export class ArchiveSubtree implements ArchiveTree {
  readonly refusal = errno.EROFS;
  private readonly store: Store;
  private readonly records: TaskRecords;
  private readonly slots: TaskSlots;
  private readonly archives: ArchiveCache;
  private readonly top: NodeId;
  private readonly policy: ReaddirplusPolicy | undefined;
  /** O_PATH descriptor of the store's archive directory. */
  private readonly directory: number;
  private readonly tasks: TaskListing;

  /** What is shown of tasks' directories where others enter, by slot: what is sealed stays. */
  private readonly roots = new Map<number, Ownership>();
  private readonly othersEnter: boolean;
  private readonly shown: ShownTasks;

  constructor(parts: ArchiveParts, { othersEnter = false, view }: FileSystemOptions) {
    const { store, records, slots, archives, top, policy } = parts;
    this.store = store;
    this.records = records;
    this.slots = slots;
    this.archives = archives;
    this.top = top;
    this.policy = policy;
    this.othersEnter = othersEnter;
    this.shown = new ShownTasks(records, view);
    this.tasks = this.listing(top, () => this.listTasks());
    this.directory = openSync(store.archive, O_PATH | constants.O_DIRECTORY);
  }

  lookup(parent: NodeId, name: Uint8Array): Entry {
    if (parent === this.top) {
      this.policy?.noteRequest(TASKS);
      return this.lookupTask(name);
    }
    const { slot } = archivePlace(parent);
    const reader = this.archives.reader(slot);
    const found = reader.lookup(this.entryOf(parent, reader), name);
    if (!found) throw Errno.of(errno.ENOENT);
    if (found.type === 'file') this.policy?.noteRequest(slot);
    return archivedEntry(slot, found);
  }

  private lookupTask(name: Uint8Array): Entry {
    const task = latin1Of(name);
    if (!isTaskName(task) || !this.shown.has(task)) throw Errno.of(errno.ENOENT);
    const stat = statAt(this.directory, task);
    if (!isDirectory(stat.mode)) throw Errno.of(errno.ENOENT);
    const slot = this.slots.slotOf(task, stat.ino);
    const node = archiveNode(slot);
    return { node, ...this.taskAttributes(slot, node, stat), entryTtlMs: TASKS_TTL_MS };
  }

  /** archive/<task> itself shows when it was sealed, and needs no key unless others may enter. */
  private taskAttributes(slot: number, node: NodeId, stat: Stat): Attributes {
    const { mode, uid, gid } = this.rootOf(slot) ?? { ...stat, mode: 0o700 };
    const attr = directoryAttr(node, mode, stat.mtimeNs);
    return { attr: { ...attr, uid, gid }, attrTtlMs: TASKS_TTL_MS };
  }

  /**
   * The mode and owner that a task's directory was sealed with, where they matter and can be read.
   */
  private rootOf(slot: number): Ownership | undefined {
    if (!this.othersEnter) return undefined;
    const known = this.roots.get(slot);
    if (known) return known;
    try {
      const { mode, uid, gid } = this.archives.reader(slot).root();
      this.roots.set(slot, { mode, uid, gid });
      return { mode, uid, gid };
    } catch {
      // Whoever then reads what is in it learns why.
      return undefined;
    }
  }

  formerly({ directory, name }: Place): Entry | undefined {
    if (directory !== this.top) return undefined;
    const slot = this.slots.lastOf(latin1Of(name));
    if (slot === undefined) return undefined;
    const node = archiveNode(slot);
    return { node, attr: directoryAttr(node, 0o700, 0n), entryTtlMs: 0, attrTtlMs: 0 };
  }

  private findTask(name: string): Entry | undefined {
    try {
      return this.lookupTask(Buffer.from(name));
    } catch (error) {
      if (error instanceof Errno && error.errno === errno.ENOENT) return undefined;
      throw error;
    }
  }

  getattr(node: NodeId): Attributes {
    if (node === this.top) {
      return { attr: directoryAttr(TOP.archive, 0o555, this.lastChangeNs()), attrTtlMs: 0 };
    }
    const { slot, position } = archivePlace(node);
    if (position === undefined) {
      const stat = statAt(this.directory, this.slots.ownerOf(slot).task);
      return this.taskAttributes(slot, node, stat);
    }
    const entry = this.archives.reader(slot).entryAt(position);
    return { attr: archivedAttr(node, entry), attrTtlMs: SEALED_TTL_MS };
  }

  readlink(node: NodeId): Uint8Array {
    const entry = this.find(node);
    if (!entry.target) throw Errno.of(errno.EINVAL);
    return entry.target;
  }

  open(node: NodeId, flags: number): OpenedFile {
    if (asksToWrite(flags)) throw Errno.of(errno.EROFS);
    const { slot } = archivePlace(node);
    const { release } = this.archives.hold(slot);
    try {
      return { file: this.fileAt(node, release), keepCache: true, directIo: false };
    } catch (error) {
      release();
      throw error;
    }
  }

  /** The file that a node is, for reading. `release` is called when it is closed. */
  fileAt(node: NodeId, release: () => void = () => {}): ArchivedFile {
    const { slot } = archivePlace(node);
    const reader = this.archives.reader(slot);
    const entry = this.entryOf(node, reader);
    if (entry.type !== 'file') throw Errno.of(entry.type === 'symlink' ? errno.ELOOP : errno.ENXIO);
    this.policy?.noteRequest(slot);
    return new ArchivedFile(this.slots.ownerOf(slot).task, entry, reader, release);
  }

  /** What is sealed never changes; which tasks are does. */
  keepsListing(node: NodeId): boolean {
    return node !== this.top;
  }

  opendir(node: NodeId): OpenDirectory {
    if (node === this.top) return this.tasks;
    const { release } = this.archives.hold(archivePlace(node).slot);
    try {
      return this.directoryAt(node, release);
    } catch (error) {
      release();
      throw error;
    }
  }

  /** The directory that a node is, for listing. `release` is called when it is closed. */
  directoryAt(node: NodeId, release: () => void = () => {}): OpenDirectory {
    if (node === this.top) return this.tasks;
    const { slot } = archivePlace(node);
    const reader = this.archives.reader(slot);
    const directory = this.entryOf(node, reader);
    if (directory.type !== 'directory') throw Errno.of(errno.ENOTDIR);
    return new ArchivedDirectory({
      ino: inoOf(node),
      list: (from) => reader.list(directory, from),
      scan: (from, withAttributes, visitor) =>
        reader.scan(directory, from, withAttributes, visitor),
      isByName: () => this.policy?.listsNames(slot, node) ?? false,
      nodeOf: (position) => archivedNode(slot, position),
      found: (entry) => archivedEntry(slot, entry),
      release,
    });
  }

  /** A listing of tasks, that of the directory with this node. */
  listing(directory: NodeId, load: () => readonly ArchivedTask[]): TaskListing {
    return new TaskListing({
      ino: inoOf(directory === this.top ? TOP.archive : directory),
      load,
      find: ({ name }) => this.findTask(name),
      isByName: () => this.policy?.listsNames(TASKS, directory) ?? false,
    });
  }

  listTasks(): ArchivedTask[] {
    const list = openAt(this.directory, '.', constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      return [...listDirectory(list)]
        .map((entry) => ({ name: latin1Of(entry.name), ino: entry.ino }))
        .filter(({ name }) => isTaskName(name) && this.shown.has(name))
        .sort((one, two) => (one.name < two.name ? -1 : 1))
        .map(({ name, ino }) => this.archivedTask(name as TaskName, ino));
    } finally {
      closeSync(list);
    }
  }

  listNodeOf(_node: NodeId): NodeId {
    return this.top;
  }

  listAt(node: NodeId): TaskList | undefined {
    if (node !== this.top) return undefined;
    return directoriesOf(node, () => this.listTasks().map(({ name }) => name));
  }

  pathOf(node: NodeId): string | undefined {
    return node === this.top ? '.' : undefined;
  }

  /** The task in a slot. */
  taskAt(slot: number): TaskName {
    return this.slots.ownerOf(slot).task;
  }

  /** When the task in a slot ended; where its record does not say, when it was sealed. */
  endOf(slot: number): Date {
    const task = this.taskAt(slot);
    const end = Date.parse(this.records.find(task)?.endedAt ?? '');
    if (end >= 0) return new Date(end);
    return new Date(Number(statAt(this.directory, task).mtimeNs / 1_000_000n));
  }

  private archivedTask(name: TaskName, directoryIno: bigint): ArchivedTask {
    const slot = this.slots.slotOf(name, directoryIno);
    const node = archiveNode(slot);
    return { name, slot, node, ino: inoOf(node) };
  }

  /**
   * When a task came or went. The kernel keeps a listing for as long as this time stays the same:
   * a change made just now may share it with the next one, and is shown as of now. What leaves a
   * view as time passes is listed for a second more.
   */
  lastChangeNs(): bigint {
    const { mtimeNs } = statFd(this.directory);
    const nowNs = BigInt(Date.now()) * 1_000_000n;
    if (nowNs - mtimeNs < TICK_NS) return nowNs;
    return this.shown.changesWithTime ? nowNs - (nowNs % SECOND_NS) : mtimeNs;
  }

  statfs() {
    return statfsOf(this.store.archive);
  }

  /**
   * Only user attributes are sealed. Programs that ask for others take EOPNOTSUPP for the whole
   * mount.
   */
  getxattr(node: NodeId, name: Uint8Array): Uint8Array {
    const text = latin1Of(name);
    if (!text.startsWith('user.')) throw Errno.of(errno.EOPNOTSUPP);
    const value = this.xattrs(node).get(text);
    if (value === undefined) throw Errno.of(errno.ENODATA);
    return value;
  }

  /** The task's status is listed on its directory only; see status-xattrs.ts. */
  listxattr(node: NodeId): readonly Uint8Array[] {
    if (node === this.top) return [];
    const ofTask = archivePlace(node).position === undefined;
    const names = ofTask ? this.taskXattrs(node).keys() : sealedXattrs(this.find(node)).keys();
    return [...names].map(bytesOfLatin1);
  }

  private xattrs(node: NodeId): ReadonlyMap<string, Uint8Array> {
    if (node === this.top) return new Map();
    if (archivePlace(node).position === undefined) return this.taskXattrs(node);
    const entry = this.find(node);
    return new Map([...this.taskXattrs(node), ...contentXattrs(entry), ...sealedXattrs(entry)]);
  }

  private taskXattrs(node: NodeId): ReadonlyMap<string, Uint8Array> {
    const { task } = this.slots.ownerOf(archivePlace(node).slot);
    return archivedStatus(task, this.records.find(task));
  }

  close(): void {
    closeSync(this.directory);
  }

  private find(node: NodeId): IndexEntry {
    return this.entryOf(node, this.archives.reader(archivePlace(node).slot));
  }

  private entryOf(node: NodeId, reader: ArchiveReader): IndexEntry {
    const { position } = archivePlace(node);
    return position === undefined ? reader.root() : reader.entryAt(position);
  }
}

function archivedEntry(slot: number, found: IndexEntry): Entry {
  const node = archivedNode(slot, found.position);
  const attr = archivedAttr(node, found);
  return { node, attr, entryTtlMs: SEALED_TTL_MS, attrTtlMs: SEALED_TTL_MS };
}
