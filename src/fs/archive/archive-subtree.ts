import type { ArchiveReader, IndexEntry } from '../../archive/index.ts';
import { Errno, errno } from '../../errno.ts';
import { bytesOfLatin1, latin1Of } from '../../latin1.ts';
import type { Store } from '../../store/index.ts';
import { S_IFDIR } from '../../sys/index.ts';
import type { Attributes, Entry, FileEvent, NodeId, Place } from '../file-system.ts';
import { archivedNode, archivePlace, inoOf, isArchive, TOP } from '../node-ids.ts';
import { statfsOf } from '../statfs.ts';
import { asksToWrite, type OpenDirectory, type OpenedFile, type Subtree } from '../subtree.ts';
import { directoriesOf, type TaskList } from '../task-list-events.ts';
import { directoryAttr } from '../virtual-directory.ts';
import type { ArchiveCache } from './archive-cache.ts';
import {
  archivedAttr,
  archivedEntry,
  contentXattrs,
  SEALED_TTL_MS,
  sealedXattrs,
} from './archived-attr.ts';
import { ArchivedDirectory } from './archived-directory.ts';
import { ArchivedFile } from './archived-file.ts';
import type { ArchivedTasks, ArchiveParts } from './archived-tasks.ts';
import { ObservedArchivedDirectories } from './observed-archived-directories.ts';
import type { ReaddirplusPolicy } from './readdirplus-policy.ts';
import type { TaskListing } from './task-listing.ts';

/** archive/, however its tasks are arranged. */
export interface ArchiveTree extends Subtree {
  /** The file that a node is, and the directory, for who opens nothing. */
  fileAt(node: NodeId): ArchivedFile;
  directoryAt(node: NodeId): OpenDirectory;
  getattr(node: NodeId): Attributes;
  /** The directory of tasks whose changes concern who observes a node. */
  listNodeOf(node: NodeId): NodeId;
  listAt(node: NodeId): TaskList | undefined;
  /** From now on these nodes, as far as they are in archives, and no others, are observed. */
  observe(nodes: readonly NodeId[]): void;
  /** The removal of what was observed in an archive, where an event is the archive's own. */
  endedBy(event: FileEvent): FileEvent[];
  /** What a name stood for before its archive was removed. */
  formerEntry(place: Place): Entry | undefined;
  /**
   * The path, latin1, of a directory of tasks, or one that leads to an observed one, from the top
   * of archive/.
   */
  pathOf(node: NodeId): string | undefined;
}

/**
 * archive/: each sealed task's tree, decrypted as it is read. Nodes below a task are positions in
 * its index, so nothing is kept in memory for them, and nothing has to be forgotten.
 */
export class ArchiveSubtree implements ArchiveTree {
  readonly refusal = errno.EROFS;
  private readonly store: Store;
  private readonly archives: ArchiveCache;
  private readonly top: NodeId;
  private readonly policy: ReaddirplusPolicy | undefined;
  private readonly tasks: ArchivedTasks;
  private readonly listing: TaskListing;
  private readonly observed: ObservedArchivedDirectories;

  constructor({ store, archives, top, policy }: ArchiveParts, tasks: ArchivedTasks) {
    this.store = store;
    this.archives = archives;
    this.top = top;
    this.policy = policy;
    this.tasks = tasks;
    this.listing = tasks.listing(top, () => tasks.list());
    this.observed = new ObservedArchivedDirectories(archives);
  }

  lookup(parent: NodeId, name: Uint8Array): Entry | undefined {
    if (parent === this.top) return this.tasks.lookup(name);
    const { slot } = archivePlace(parent);
    const reader = this.archives.reader(slot);
    const found = reader.lookup(this.entryOf(parent, reader), name);
    if (!found) return undefined;
    if (found.type === 'file') this.policy?.noteRequest(slot);
    return archivedEntry(slot, found);
  }

  observe(nodes: readonly NodeId[]): void {
    this.observed.set(nodes);
  }

  endedBy(event: FileEvent): FileEvent[] {
    if (event.kind !== 'delete' || event.at.directory !== this.top) return [];
    const former = this.tasks.formerEntry(event.at.name);
    if (!former) return [];
    const { slot } = archivePlace(former.node);
    // Or names in it would still be found.
    this.archives.forget(slot);
    return this.observed.ofSlot(slot).map((at) => ({ kind: 'delete', at, mode: S_IFDIR }));
  }

  formerEntry(place: Place): Entry | undefined {
    const { directory, name } = place;
    return directory === this.top ? this.tasks.formerEntry(name) : this.observed.entryOf(place);
  }

  getattr(node: NodeId): Attributes {
    if (node === this.top) {
      return { attr: directoryAttr(TOP.archive, 0o555, this.tasks.lastChangeNs()), attrTtlMs: 0 };
    }
    const { slot, position } = archivePlace(node);
    if (position === undefined) return this.tasks.getattr(slot, node);
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

  /**
   * The file that a node is, for reading: the kernel opens nothing else. `release` is called when
   * it is closed.
   */
  fileAt(node: NodeId, release: () => void = () => {}): ArchivedFile {
    const { slot, position } = archivePlace(node);
    if (position === undefined) throw Errno.of(errno.EISDIR);
    const reader = this.archives.reader(slot);
    this.policy?.noteRequest(slot);
    return new ArchivedFile(this.tasks.nameOf(slot), position, reader, release);
  }

  /** What is sealed never changes; which tasks are does. */
  keepsListing(node: NodeId): boolean {
    return node !== this.top;
  }

  opendir(node: NodeId): OpenDirectory {
    if (node === this.top) return this.listing;
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
    if (node === this.top) return this.listing;
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

  listNodeOf(_node: NodeId): NodeId {
    return this.top;
  }

  listAt(node: NodeId): TaskList | undefined {
    if (node !== this.top) return undefined;
    return directoriesOf(node, () => this.tasks.list().map(({ name }) => name));
  }

  pathOf(node: NodeId): string | undefined {
    if (node === this.top) return '.';
    if (!isArchive(node)) return undefined;
    const { slot, position } = archivePlace(node);
    const task = this.tasks.nameOf(slot);
    if (position === undefined) return task;
    const path = this.observed.pathOf(node);
    return path === undefined ? undefined : `${task}/${path}`;
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
    return this.tasks.statusOf(archivePlace(node).slot);
  }

  close(): void {
    this.tasks.close();
  }

  private find(node: NodeId): IndexEntry {
    return this.entryOf(node, this.archives.reader(archivePlace(node).slot));
  }

  private entryOf(node: NodeId, reader: ArchiveReader): IndexEntry {
    const { position } = archivePlace(node);
    return position === undefined ? reader.root() : reader.entryAt(position);
  }
}
