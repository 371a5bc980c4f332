import { Errno, errno } from '../../errno.ts';
import { latin1Of } from '../../latin1.ts';
import { DT, S_IFLNK } from '../../sys/index.ts';
import type { FileSystemOptions } from '../driver.ts';
import type {
  Attributes,
  DirectoryEntry,
  Entry,
  FileEvent,
  NodeId,
  Place,
} from '../file-system.ts';
import {
  archivePlace,
  dayNode,
  dayOf,
  inoOf,
  isArchive,
  isDay,
  isTaskLink,
  TOP,
  taskLinkNode,
  taskLinkSlot,
} from '../node-ids.ts';
import type { OpenDirectory, OpenedFile } from '../subtree.ts';
import { directoriesOf, type TaskList } from '../task-list-events.ts';
import { addDots, DOTS, directoryAttr } from '../virtual-directory.ts';
import { ArchiveSubtree, type ArchiveTree } from './archive-subtree.ts';
import { ArchivedTasks, type ArchiveParts } from './archived-tasks.ts';
import type { ArchivedTask, TaskListing } from './task-listing.ts';

const DAY_MS = 86_400_000;
/** Which tasks are sealed may change. */
const NAMES_TTL_MS = 1000;

/**
 * archive/ with its tasks in directories by the day on which they ended, `2026-11-27`, in the time
 * zone of the server. A task is also found by its name alone, as a symlink that is not listed: a
 * path that was right before leads to the same files. A name that is a day's stands for the day
 * alone.
 */
class ArchiveDays implements ArchiveTree {
  readonly refusal = errno.EROFS;
  private readonly archive: ArchiveSubtree;
  private readonly tasks: ArchivedTasks;
  private readonly top: NodeId;
  /** The days that are not empty, as of `version`. */
  private days: ReadonlyMap<number, readonly ArchivedTask[]> = new Map();
  private version: bigint | undefined;
  /** When a task ended never changes: by slot. */
  private readonly known = new Map<number, number>();
  private readonly listings = new Map<number, TaskListing>();
  private readonly listing: OpenDirectory = {
    readdir: (cookie, add) => this.listDays(cookie, add),
    close: () => {},
  };

  constructor(archive: ArchiveSubtree, tasks: ArchivedTasks, top: NodeId) {
    this.archive = archive;
    this.tasks = tasks;
    this.top = top;
  }

  lookup(parent: NodeId, name: Uint8Array): Entry | undefined {
    if (parent === this.top) return this.lookupTop(name);
    if (isTaskLink(parent)) throw Errno.of(errno.ENOTDIR);
    if (!isDay(parent)) return this.archive.lookup(parent, name);
    const found = this.archive.lookup(this.top, name);
    return found && this.dayOfNode(found.node) === dayOf(parent) ? found : undefined;
  }

  private lookupTop(name: Uint8Array): Entry | undefined {
    const day = dayNamed(latin1Of(name));
    if (day !== undefined) {
      return this.current().has(day) ? this.dayEntry(day) : undefined;
    }
    const found = this.archive.lookup(this.top, name);
    if (!found) return undefined;
    const { slot } = archivePlace(found.node);
    const node = taskLinkNode(slot);
    return { node, ...this.getattr(node), entryTtlMs: NAMES_TTL_MS };
  }

  private dayEntry(day: number): Entry {
    const node = dayNode(day);
    return { node, ...this.getattr(node), entryTtlMs: NAMES_TTL_MS };
  }

  getattr(node: NodeId): Attributes {
    if (isDay(node)) {
      const attr = directoryAttr(node, 0o555, this.tasks.lastChangeNs());
      return { attr, attrTtlMs: 0 };
    }
    if (!isTaskLink(node)) return this.archive.getattr(node);
    const attr = directoryAttr(node, 0, 0n);
    const size = BigInt(this.readlink(node).length);
    return { attr: { ...attr, mode: S_IFLNK | 0o777, nlink: 1, size }, attrTtlMs: NAMES_TTL_MS };
  }

  readlink(node: NodeId): Uint8Array {
    if (!isTaskLink(node)) return this.archive.readlink(node);
    const slot = taskLinkSlot(node);
    return Buffer.from(`${nameOfDay(this.dayOfSlot(slot))}/${this.tasks.nameOf(slot)}`);
  }

  open(node: NodeId, flags: number): OpenedFile {
    if (isDay(node)) throw Errno.of(errno.EISDIR);
    return this.archive.open(node, flags);
  }

  fileAt(node: NodeId): ReturnType<ArchiveSubtree['fileAt']> {
    if (isDay(node)) throw Errno.of(errno.EISDIR);
    return this.archive.fileAt(node);
  }

  keepsListing(node: NodeId): boolean {
    return !isDay(node) && this.archive.keepsListing(node);
  }

  opendir(node: NodeId): OpenDirectory {
    return this.grouped(node) ?? this.archive.opendir(node);
  }

  directoryAt(node: NodeId): OpenDirectory {
    return this.grouped(node) ?? this.archive.directoryAt(node);
  }

  private grouped(node: NodeId): OpenDirectory | undefined {
    if (node === this.top) return this.listing;
    if (!isDay(node)) return undefined;
    const day = dayOf(node);
    const known = this.listings.get(day);
    if (known) return known;
    const made = this.tasks.listing(node, () => this.current().get(day) ?? []);
    this.listings.set(day, made);
    return made;
  }

  /** The cookie of a day is its number behind those of `.` and `..`. */
  private listDays(cookie: bigint, add: (entry: DirectoryEntry) => boolean): void {
    const from = Number(cookie);
    if (!addDots(inoOf(TOP.archive), from, add)) return;
    for (const day of [...this.current().keys()].sort((one, two) => one - two)) {
      const next = day + DOTS + 1;
      if (next <= from) continue;
      const name = Buffer.from(nameOfDay(day));
      const found = this.dayEntry(day);
      if (!add({ name, ino: found.attr.ino, type: DT.DIR, cookie: BigInt(next), found })) return;
    }
  }

  private current(): ReadonlyMap<number, readonly ArchivedTask[]> {
    const version = this.tasks.lastChangeNs();
    if (version !== this.version) {
      this.days = Map.groupBy(this.tasks.list(), ({ slot }) => this.dayOfSlot(slot));
      this.version = version;
    }
    return this.days;
  }

  private dayOfNode(node: NodeId): number {
    return this.dayOfSlot(archivePlace(node).slot);
  }

  private dayOfSlot(slot: number): number {
    const known = this.known.get(slot);
    if (known !== undefined) return known;
    const end = this.tasks.endOf(slot);
    const day = Math.floor((end.getTime() - end.getTimezoneOffset() * 60_000) / DAY_MS);
    this.known.set(slot, day);
    return day;
  }

  statfs() {
    return this.archive.statfs();
  }

  getxattr(node: NodeId, name: Uint8Array): Uint8Array {
    if (isDay(node) || isTaskLink(node)) return this.archive.getxattr(this.top, name);
    return this.archive.getxattr(node, name);
  }

  listxattr(node: NodeId): readonly Uint8Array[] {
    return isDay(node) || isTaskLink(node) ? [] : this.archive.listxattr(node);
  }

  /** Who observes a day, or something of a task, is notified of what comes and goes that day. */
  listNodeOf(node: NodeId): NodeId {
    if (isDay(node)) return node;
    return isArchive(node) ? dayNode(this.dayOfNode(node)) : this.top;
  }

  listAt(node: NodeId): TaskList | undefined {
    if (node === this.top) {
      return directoriesOf(node, () => [...this.current().keys()].map(nameOfDay));
    }
    if (!isDay(node)) return undefined;
    const tasks = () => this.current().get(dayOf(node)) ?? [];
    return directoriesOf(node, () => tasks().map(({ name }) => name));
  }

  observe(nodes: readonly NodeId[]): void {
    this.archive.observe(nodes);
  }

  endedBy(event: FileEvent): FileEvent[] {
    if (event.kind !== 'delete' || !isDay(event.at.directory)) return [];
    return this.archive.endedBy({ ...event, at: { ...event.at, directory: this.top } });
  }

  formerEntry({ directory, name }: Place): Entry | undefined {
    if (isDay(directory)) return this.archive.formerEntry({ directory: this.top, name });
    if (isArchive(directory)) return this.archive.formerEntry({ directory, name });
    const day = directory === this.top ? dayNamed(latin1Of(name)) : undefined;
    return day === undefined ? undefined : { ...this.dayEntry(day), entryTtlMs: 0 };
  }

  pathOf(node: NodeId): string | undefined {
    if (node === this.top) return '.';
    if (isDay(node)) return nameOfDay(dayOf(node));
    const path = isArchive(node) ? this.archive.pathOf(node) : undefined;
    return path === undefined ? undefined : `${nameOfDay(this.dayOfNode(node))}/${path}`;
  }

  close(): void {
    this.archive.close();
  }
}

const nameOfDay = (day: number): string => new Date(day * DAY_MS).toISOString().slice(0, 10);

/** The day that a name stands for, if it is one. */
function dayNamed(name: string): number | undefined {
  if (!/^\d{4}-\d\d-\d\d$/.test(name)) return undefined;
  const day = Date.parse(name) / DAY_MS;
  return Number.isInteger(day) && nameOfDay(day) === name ? day : undefined;
}

/** archive/ as the options want it: all tasks in one directory, or grouped. */
export function archiveTree(parts: ArchiveParts, options: FileSystemOptions): ArchiveTree {
  const tasks = new ArchivedTasks(parts, options);
  const archive = new ArchiveSubtree(parts, tasks);
  return options.group === undefined ? archive : new ArchiveDays(archive, tasks, parts.top);
}
