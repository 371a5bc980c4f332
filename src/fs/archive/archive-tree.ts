import type { FileSystemOptions } from '../driver.ts';
import { ArchiveDays } from './archive-days.ts';
import { type ArchiveParts, ArchiveSubtree, type ArchiveTree } from './archive-subtree.ts';

/** archive/ as the options want it: all tasks in one directory, or grouped. */
export function archiveTree(parts: ArchiveParts, options: FileSystemOptions): ArchiveTree {
  const archive = new ArchiveSubtree(parts, options);
  return options.group === undefined ? archive : new ArchiveDays(archive, parts.top);
}
