import { closeSync, constants, openSync } from 'node:fs';
import { Errno, errno } from '../../errno.ts';
import { latin1Of } from '../../latin1.ts';
import {
  asideName,
  isTaskName,
  type Store,
  type TaskName,
  taskOfStaging,
} from '../../store/index.ts';
import {
  DT,
  findAt,
  isDirectory,
  listDirectory,
  O_PATH,
  type Stat,
  withListing,
} from '../../sys/index.ts';
import type { ShownTasks } from '../mount-view.ts';

/**
 * Which tasks have a directory in live/: those with staging and without a committed archive. The
 * rename that commits an archive moves a task from live/ to archive/ at one instant.
 */
export class LiveTasks {
  /** O_PATH descriptors of the store's directories. */
  readonly staging: number;
  private readonly archive: number;
  private readonly shown: ShownTasks;

  constructor(store: Store, shown: ShownTasks) {
    this.shown = shown;
    this.staging = openSync(store.staging, O_PATH | constants.O_DIRECTORY);
    this.archive = openSync(store.archive, O_PATH | constants.O_DIRECTORY);
  }

  /** The state of a live task's staging directory; undefined where no live task has this name. */
  find(name: Uint8Array): { readonly task: TaskName; readonly stat: Stat } | undefined {
    const task = latin1Of(name);
    if (!isTaskName(task) || this.isArchived(task) || !this.shown.has(task)) return undefined;
    for (const each of stagingNames(task)) {
      const stat = findAt(this.staging, each);
      if (stat && isDirectory(stat.mode)) return { task, stat };
    }
    return undefined;
  }

  /** All live tasks, sorted, with the inode numbers of their directories. */
  list(): { readonly name: TaskName; readonly ino: bigint }[] {
    const found = new Map<TaskName, bigint>();
    const entries = withListing(this.staging, (list) => [...listDirectory(list)]);
    for (const { name, type, ino } of entries) {
      if (type !== DT.DIR && type !== DT.UNKNOWN) continue;
      const task = taskOfStaging(latin1Of(name));
      if (task !== undefined) found.set(task, ino);
    }
    return [...found]
      .map(([name, ino]) => ({ name, ino }))
      .filter((entry) => !this.isArchived(entry.name) && this.shown.has(entry.name))
      .sort((one, two) => (one.name < two.name ? -1 : 1));
  }

  /**
   * Throws ESTALE once the task's archive is committed: what is left of its staging is being
   * removed. Not ENOENT, which readdir(3) takes for the end of the directory.
   */
  assertLive(task: TaskName): void {
    if (this.isArchived(task)) throw Errno.of(errno.ESTALE);
  }

  private isArchived(task: TaskName): boolean {
    return findAt(this.archive, task) !== undefined;
  }

  close(): void {
    closeSync(this.staging);
    closeSync(this.archive);
  }
}

/**
 * The names that a task's staging may have, in the order to try them. It is renamed once before it
 * is sealed, and back where it stays: what is renamed during the first two tries is found by the
 * third.
 */
export const stagingNames = (task: TaskName): readonly string[] => {
  const aside = asideName(task);
  return [aside, task, aside];
};
