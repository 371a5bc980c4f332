import { closeSync, constants, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { decryptedFileSize } from '../../age/index.ts';
import { archivedTasks } from '../../archive/index.ts';
import { Errno, errno } from '../../errno.ts';
import { latin1Of } from '../../latin1.ts';
import { isTaskName, type Store, type TaskName, taskPaths } from '../../store/index.ts';
import { DT, findAt, O_PATH, openAt, S_IFREG, type Stat, statAt } from '../../sys/index.ts';
import type { ArchiveCache } from '../archive/archive-cache.ts';
import type { Attributes, Entry, NodeId } from '../file-system.ts';
import type { ShownTasks } from '../mount-view.ts';
import type { TaskSlots } from '../node-ids.ts';
import { inoOf, logNode, logSlot, TOP } from '../node-ids.ts';
import { statfsOf } from '../statfs.ts';
import { asksToWrite, type OpenDirectory, type OpenedFile, type Subtree } from '../subtree.ts';
import { directoryAttr, listVirtual } from '../virtual-directory.ts';

const SUFFIX = '.log';
const READ_ONLY = S_IFREG | 0o400;
const SEALED_TTL_MS = 1000;

/** logs/: what each task printed, as `<task>.log`: growing while it runs, decrypted afterwards. */
export class LogsSubtree implements Subtree {
  readonly refusal = errno.EROFS;
  private readonly store: Store;
  private readonly slots: TaskSlots;
  private readonly archives: ArchiveCache;
  private readonly shown: ShownTasks;
  private readonly startNs = BigInt(Date.now()) * 1_000_000n;
  /** O_PATH descriptors of the store's directories. */
  private readonly tasks: number;
  private readonly archive: number;

  constructor(store: Store, slots: TaskSlots, archives: ArchiveCache, shown: ShownTasks) {
    this.shown = shown;
    this.store = store;
    this.slots = slots;
    this.archives = archives;
    this.tasks = openSync(store.tasks, O_PATH | constants.O_DIRECTORY);
    this.archive = openSync(store.archive, O_PATH | constants.O_DIRECTORY);
  }

  lookup(_parent: NodeId, name: Uint8Array): Entry | undefined {
    const text = latin1Of(name);
    const task = text.slice(0, -SUFFIX.length);
    if (!text.endsWith(SUFFIX) || !isTaskName(task) || !this.shown.has(task)) {
      return undefined;
    }
    const node = logNode(this.slots.slotOf(task, 0n));
    const { attr, attrTtlMs } = this.attributes(node, task);
    return { node, attr, attrTtlMs, entryTtlMs: attrTtlMs };
  }

  getattr(node: NodeId): Attributes {
    if (node === TOP.logs) return { attr: directoryAttr(node, 0o555, this.startNs), attrTtlMs: 0 };
    return this.attributes(node, this.slots.ownerOf(logSlot(node)).task);
  }

  private attributes(node: NodeId, task: TaskName): Attributes {
    const sealed = findAt(this.archive, `${task}/log.enc`);
    if (sealed) {
      const size = BigInt(decryptedFileSize(join(taskPaths(this.store, task).archive, 'log.enc')));
      const attr = { ...sealed, size, ino: inoOf(node), mode: READ_ONLY, nlink: 1 };
      return { attr, attrTtlMs: SEALED_TTL_MS };
    }
    const live = statAt(this.tasks, `${task}/log`);
    return { attr: { ...live, ino: inoOf(node), mode: READ_ONLY, nlink: 1 }, attrTtlMs: 0 };
  }

  open(node: NodeId, flags: number): OpenedFile {
    if (asksToWrite(flags)) throw Errno.of(errno.EROFS);
    const { task } = this.slots.ownerOf(logSlot(node));
    const archive = findAt(this.archive, task);
    return archive ? this.openSealed(task, archive) : this.openLive(task);
  }

  private openSealed(task: TaskName, archive: Stat): OpenedFile {
    const { reader, release } = this.archives.hold(this.slots.slotOf(task, archive.ino));
    const file = {
      read: (into: Uint8Array, offset: number) => reader.readLog(into, offset),
      close: release,
    };
    return { file, keepCache: false, directIo: false };
  }

  /** Not cached: `tail -f` has to see what is appended, whatever size the kernel believes in. */
  private openLive(task: TaskName): OpenedFile {
    const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
    const fd = openAt(this.tasks, `${task}/log`, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    const file = {
      read: (into: Uint8Array, offset: number) => readSync(fd, into, 0, into.length, offset),
      close: () => closeSync(fd),
    };
    return { file, keepCache: false, directIo: true };
  }

  opendir(node: NodeId): OpenDirectory {
    return listVirtual(node, () =>
      this.tasksWithLogs().map((task) => ({
        name: task + SUFFIX,
        ino: inoOf(logNode(this.slots.slotOf(task, 0n))),
        type: DT.REG,
      })),
    );
  }

  /** The names of all logs. */
  names(): readonly string[] {
    return this.tasksWithLogs().map((task) => task + SUFFIX);
  }

  private tasksWithLogs(): TaskName[] {
    const sealed = archivedTasks(this.store);
    const live = readdirSync(this.store.tasks)
      .filter(isTaskName)
      .filter((task) => findAt(this.tasks, `${task}/log`));
    return [...new Set([...sealed, ...live])].filter((task) => this.shown.has(task)).sort();
  }

  statfs() {
    return statfsOf(this.store.tasks);
  }

  getxattr(): Uint8Array {
    throw Errno.of(errno.ENODATA);
  }

  listxattr(): readonly Uint8Array[] {
    return [];
  }

  close(): void {
    closeSync(this.tasks);
    closeSync(this.archive);
  }
}
