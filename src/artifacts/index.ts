/**
 * One view of a task's files and log, live or sealed: list, read, export. No mount is needed, and
 * none enters.
 */
export { openArchiveTree } from './archive-tree.ts';
export { type Artifact, type ArtifactNode, type ArtifactTree, joinPath } from './artifact.ts';
export {
  type CopySource,
  copyToLocal,
  copyToTask,
  type NodeSource,
  openLocalSource,
  openTaskSource,
} from './copy.ts';
export { type EditCopy, openEditCopy, type Saved } from './edit-copy.ts';
export { type ExportOptions, exportTree } from './export.ts';
export { exportTar, type LeftOut } from './export-tar.ts';
export { exportZip } from './export-zip.ts';
export {
  findLines,
  followLog,
  isLogComplete,
  type LogPiece,
  type LogSelection,
  readLog,
  timesOf,
} from './log-lines.ts';
export { type FindIdentities, openTree, placeOf } from './open-tree.ts';
export {
  copySharedTask,
  handedOn,
  handOn,
  openSharedTask,
  type UnlockedArchive,
  unlockSharedTask,
} from './shared-task.ts';
export {
  liveSize,
  sizesOfDirectories,
  sizesOfTasks,
  type TaskSizes,
} from './sizes.ts';
export { openLog, type TaskLog } from './task-log.ts';
export type { Copied } from './tree-copy.ts';
export { spoolTar } from './unpack-tar.ts';
export { verifyPath } from './verify-path.ts';
export { walk } from './walk.ts';
