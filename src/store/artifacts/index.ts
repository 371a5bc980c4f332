/**
 * artifacts: a task's files and its log, without any mount, whether they are in staging or in the
 * sealed archive: one small interface with two sources, and the copy of a whole tree out of it.
 */
export type { Artifact, ArtifactNode, ArtifactTree, ArtifactType } from './artifact.ts';
export { openEditCopy, type Saved } from './edit-copy.ts';
export { type Exported, exportTree } from './export.ts';
export { type FindIdentities, openTree, placeOf } from './open-tree.ts';
export { openLog, type TaskLog } from './task-log.ts';
export { type Step, walk } from './walk.ts';
