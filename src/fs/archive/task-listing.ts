import { DT } from '../../sys/index.ts';
import type { DirectoryEntry, Entry, NodeId, PlainEntry } from '../file-system.ts';
import { inoHighOf, inoLowOf } from '../node-ids.ts';
import type { OpenDirectory } from '../subtree.ts';
import { addDots, DOTS } from '../virtual-directory.ts';

/** A task that has an archive. */
export interface ArchivedTask {
  readonly name: string;
  readonly slot: number;
  readonly node: NodeId;
  readonly ino: bigint;
}

/** What the listing of archive/ is made from. */
export interface TaskListingSource {
  readonly ino: bigint;
  readonly load: () => readonly ArchivedTask[];
  /** What looking a task up would give; undefined where it is gone. */
  readonly find: (task: ArchivedTask) => Entry | undefined;
  /** Whether tasks are listed by name alone. */
  readonly isByName: () => boolean;
}

/**
 * The listing of archive/, in the order in which this mount met the tasks. A task keeps its place
 * whatever comes and goes (its cookie is its slot behind those of `.` and `..`), so one listing
 * serves all who read it at once, and none is opened.
 */
export class TaskListing implements OpenDirectory {
  private readonly source: TaskListingSource;
  private tasks: readonly ArchivedTask[] | undefined;

  constructor(source: TaskListingSource) {
    this.source = source;
  }

  readdir(
    cookie: bigint,
    add: (entry: DirectoryEntry) => boolean,
    addPlain?: (entry: PlainEntry) => boolean,
  ): void {
    const { load, isByName } = this.source;
    if (cookie === 0n || !this.tasks) {
      this.tasks = load().toSorted((one, two) => one.slot - two.slot);
    }
    const from = Number(cookie);
    if (!addDots(this.source.ino, from, add)) return;
    const byName = addPlain && isByName() ? addPlain : undefined;
    for (const task of this.tasks) {
      if (task.slot + DOTS + 1 <= from) continue;
      if (!(byName ? byName(nameOf(task)) : this.addFound(task, add))) return;
    }
  }

  private addFound(task: ArchivedTask, add: (entry: DirectoryEntry) => boolean): boolean {
    const found = this.source.find(task);
    if (!found) return true;
    const { ino, slot } = task;
    const cookie = BigInt(slot + DOTS + 1);
    return add({ name: Buffer.from(task.name), ino, type: DT.DIR, cookie, found });
  }

  close(): void {}
}

function nameOf({ name, node, slot }: ArchivedTask): PlainEntry {
  return {
    bytes: Buffer.from(name),
    from: 0,
    to: name.length,
    inoHigh: inoHighOf(node),
    inoLow: inoLowOf(node),
    type: DT.DIR,
    cookie: slot + DOTS + 1,
    attributes: undefined,
  };
}
