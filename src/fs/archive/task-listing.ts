import { DT } from '../../sys/index.ts';
import type { DirectoryEntry, Entry } from '../filesystem.ts';
import type { OpenDirectory } from '../room.ts';

/** A task that has an archive. */
export interface ArchivedTask {
  readonly name: string;
  readonly slot: number;
  readonly ino: bigint;
}

/** Cookies of `.` and `..`; that of a task is its slot behind them. */
const DOTS = 2;

/**
 * The listing of archive/, in the order in which this mount met the tasks. A task keeps its place
 * whatever comes and goes, so one listing serves all who read it at once, and none is opened.
 */
export class TaskListing implements OpenDirectory {
  private readonly ino: bigint;
  private readonly load: () => readonly ArchivedTask[];
  private readonly find: (task: ArchivedTask) => Entry | undefined;
  private tasks: readonly ArchivedTask[] | undefined;

  /** `find` gives what looking a task up would; undefined where it is gone. */
  constructor(
    ino: bigint,
    load: () => readonly ArchivedTask[],
    find: (task: ArchivedTask) => Entry | undefined,
  ) {
    this.ino = ino;
    this.load = load;
    this.find = find;
  }

  read(cookie: bigint, add: (entry: DirectoryEntry) => boolean): void {
    if (cookie === 0n || !this.tasks) {
      this.tasks = this.load().toSorted((one, two) => one.slot - two.slot);
    }
    const from = Number(cookie);
    for (let at = from; at < DOTS; at++) if (!add(this.dot(at))) return;
    for (const task of this.tasks) {
      const end = task.slot + DOTS + 1;
      if (end <= from) continue;
      const found = this.find(task);
      if (!found) continue;
      const name = Buffer.from(task.name);
      if (!add({ name, ino: task.ino, type: DT.DIR, cookie: BigInt(end), found })) return;
    }
  }

  private dot(at: number): DirectoryEntry {
    const name = Buffer.from('.'.repeat(at + 1));
    return { name, ino: this.ino, type: DT.DIR, cookie: BigInt(at + 1) };
  }

  close(): void {}
}
