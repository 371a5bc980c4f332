import { closeSync, constants, openSync } from 'node:fs';
import type { IndexEntry } from '../../archive/index.ts';
import { unlessMissing } from '../../errno.ts';
import { latin1Of } from '../../latin1.ts';
import { isTaskName, type Store, type TaskName } from '../../store/index.ts';
import {
  findAt,
  isDirectory,
  listDirectory,
  O_PATH,
  type Stat,
  statAt,
  statFd,
  withListing,
} from '../../sys/index.ts';
import type { FileSystemOptions } from '../driver.ts';
import type { Attributes, Entry, NodeId } from '../file-system.ts';
import { ShownTasks } from '../mount-view.ts';
import type { TaskSlots } from '../node-ids.ts';
import { archiveNode, inoOf, TOP } from '../node-ids.ts';
import type { TaskRecords } from '../task-records.ts';
import { directoryAttr } from '../virtual-directory.ts';
import type { ArchiveCache } from './archive-cache.ts';
import { archivedStatus } from './archived-attr.ts';
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

/** The tasks that have an archive, each as the directory that its files are in. */
export class ArchivedTasks {
  private readonly records: TaskRecords;
  private readonly slots: TaskSlots;
  private readonly archives: ArchiveCache;
  private readonly top: NodeId;
  private readonly policy: ReaddirplusPolicy | undefined;
  /** O_PATH descriptor of the store's archive directory. */
  private readonly directory: number;
  /** What is shown of tasks' directories where others enter, by slot: what is sealed stays. */
  private readonly roots = new Map<number, Ownership>();
  private readonly othersEnter: boolean;
  private readonly shown: ShownTasks;

  constructor(parts: ArchiveParts, { othersEnter = false, view }: FileSystemOptions) {
    const { store, records, slots, archives, top, policy } = parts;
    this.records = records;
    this.slots = slots;
    this.archives = archives;
    this.top = top;
    this.policy = policy;
    this.othersEnter = othersEnter;
    this.shown = new ShownTasks(records, view);
    this.directory = openSync(store.archive, O_PATH | constants.O_DIRECTORY);
  }

  lookup(name: Uint8Array): Entry | undefined {
    this.policy?.noteRequest(TASKS);
    return this.find(name);
  }

  private find(name: Uint8Array): Entry | undefined {
    const task = latin1Of(name);
    if (!isTaskName(task) || !this.shown.has(task)) return undefined;
    const stat = findAt(this.directory, task);
    if (!stat || !isDirectory(stat.mode)) return undefined;
    const slot = this.slots.slotOf(task, stat.ino);
    const node = archiveNode(slot);
    return { node, ...this.attributes(slot, node, stat), entryTtlMs: TASKS_TTL_MS };
  }

  /** Of the directory, with this node, of the task in a slot. */
  getattr(slot: number, node: NodeId): Attributes {
    return this.attributes(slot, node, statAt(this.directory, this.nameOf(slot)));
  }

  /** It shows when the task was sealed, and needs no key unless others may enter. */
  private attributes(slot: number, node: NodeId, stat: Stat): Attributes {
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

  /** What a name stood for before its archive was removed. */
  formerEntry(name: Uint8Array): Entry | undefined {
    const slot = this.slots.lastOf(latin1Of(name));
    if (slot === undefined) return undefined;
    const node = archiveNode(slot);
    return { node, attr: directoryAttr(node, 0o700, 0n), entryTtlMs: 0, attrTtlMs: 0 };
  }

  /** A listing of tasks, that of the directory with this node. */
  listing(directory: NodeId, load: () => readonly ArchivedTask[]): TaskListing {
    return new TaskListing({
      ino: inoOf(directory === this.top ? TOP.archive : directory),
      load,
      find: ({ name }) => unlessMissing(() => this.find(Buffer.from(name))),
      isByName: () => this.policy?.listsNames(TASKS, directory) ?? false,
    });
  }

  list(): ArchivedTask[] {
    return withListing(this.directory, (list) => [...listDirectory(list)])
      .map((entry) => ({ name: latin1Of(entry.name), ino: entry.ino }))
      .filter(({ name }) => isTaskName(name) && this.shown.has(name))
      .sort((one, two) => (one.name < two.name ? -1 : 1))
      .map(({ name, ino }) => this.archivedTask(name as TaskName, ino));
  }

  private archivedTask(name: TaskName, directoryIno: bigint): ArchivedTask {
    const slot = this.slots.slotOf(name, directoryIno);
    const node = archiveNode(slot);
    return { name, slot, node, ino: inoOf(node) };
  }

  /** The task in a slot. */
  nameOf(slot: number): TaskName {
    return this.slots.ownerOf(slot).task;
  }

  /** When the task in a slot ended; where its record does not say, when it was sealed. */
  endOf(slot: number): Date {
    const task = this.nameOf(slot);
    const end = Date.parse(this.records.find(task)?.endedAt ?? '');
    if (end >= 0) return new Date(end);
    return new Date(Number(statAt(this.directory, task).mtimeNs / 1_000_000n));
  }

  /** The status of the task in a slot, as attributes; see status-xattrs.ts. */
  statusOf(slot: number): ReadonlyMap<string, Uint8Array> {
    const task = this.nameOf(slot);
    return archivedStatus(task, this.records.find(task));
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

  close(): void {
    closeSync(this.directory);
  }
}
