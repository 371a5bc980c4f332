/**
 * The library, `import … from 'taskfs'`: start tasks, follow them, read their files, mount them.
 * What is exported here is the package's interface (docs/library.md); each name calls the folders
 * below, as the command line does. Nothing in src/ imports it.
 */
export { type ErrorKind, TaskfsError } from '../errors.ts';
export type { Decision, Keep, Period, Policy, Rule, Selector } from '../retention/index.ts';
export type { Group, Recovery, TaskView, Usage } from '../runner/index.ts';
export type {
  Artifacts,
  ArtifactType,
  Attempt,
  OnEnd,
  ReasonKind,
  SealedPart,
  Status,
  Store as StorePaths,
  Supervisor,
  TaskEvent,
  TaskName,
  TaskRecord,
  TaskSpec,
} from '../store/index.ts';
export { listGroups, removeGroup, setGroup } from './groups.ts';
export { type Mount, type MountOptions, mount } from './mount.ts';
export { type RunOptions, rerun, run } from './run.ts';
export {
  listTasks,
  openStore,
  type Pruned,
  type PruneOptions,
  prune,
  recover,
  type Store,
  type StoreOptions,
  verify,
} from './store.ts';
export { type ArtifactInfo, openTask, type Task, type Transferred } from './task.ts';
