import type { FileSystemOptions } from '../driver.ts';
import { ArchiveDays } from './archive-days.ts';
import { ArchiveSubtree, type ArchiveTree } from './archive-subtree.ts';
import { ArchivedTasks, type ArchiveParts } from './archived-tasks.ts';

/** archive/ as the options want it: all tasks in one directory, or grouped. */
export function archiveTree(parts: ArchiveParts, options: FileSystemOptions): ArchiveTree {
  const tasks = new ArchivedTasks(parts, options);
  const archive = new ArchiveSubtree(parts, tasks);
  return options.group === undefined ? archive : new ArchiveDays(archive, tasks, parts.top);
}
