import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Store, type TaskName, taskPaths } from '../store/index.ts';

/** What a task's archive takes on disk, in bytes; 0 where there is none. */
export function archiveSize(store: Store, task: TaskName): number {
  const { archive } = taskPaths(store, task);
  try {
    return readdirSync(archive)
      .map((name) => lstatSync(join(archive, name), { throwIfNoEntry: false })?.size ?? 0)
      .reduce((sum, size) => sum + size, 0);
  } catch {
    return 0;
  }
}
