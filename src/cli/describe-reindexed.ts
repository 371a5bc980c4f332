import type { Reindexed } from '../archive/maintain/index.ts';

/** One line on what became of an index. */
export const describeReindexed = ({ task, rebuilt, files }: Reindexed): string =>
  rebuilt ? `${task}: index rebuilt, ${files} files` : `${task}: its index is as it was sealed`;
