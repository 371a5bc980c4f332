/**
 * Changes to archives that exist: new recipients for their keys, a new index. What they hold never
 * changes.
 */
export {
  addRecipient,
  addTaskRecipient,
  removeRecipient,
  removeTaskRecipient,
  replaceRecovery,
  rotateOwner,
} from './key-change.ts';
export { type Reindexed, reindexTask } from './reindex.ts';
export { commitReindex, finishReindex, finishReindexes } from './reindex-commit.ts';
export {
  dropRenamedArchive,
  isRenameInChain,
  placeRenamedArchive,
  renameArchive,
} from './rename.ts';
export { type Repaired, repairArchives } from './repair.ts';
export type { Rewrapped } from './rewrap.ts';
