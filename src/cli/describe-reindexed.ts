import type { Reindexed } from '../archive/maintain/index.ts';

/** One line on what became of an index. */
export const describeReindexed = ({ task, rebuilt, files }: Reindexed): string =>
  rebuilt
    ? `${task}: index made anew, of ${files} files`
    : `${task}: its index is as it was sealed`;
