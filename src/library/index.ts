/**
 * The library, `import … from 'taskfs'`: start tasks, follow them, read their files, mount them.
 * What is exported here is the package's interface (docs/library.md); each name calls the folders
 * below, as the command line does. Nothing in src/ imports it.
 */
export { type ErrorKind, TaskfsError } from '../errors.ts';
export type { Group, TaskView } from '../runner/index.ts';
export type { Artifacts, ReasonKind, Status, TaskEvent } from '../store/index.ts';
export { listGroups, removeGroup, setGroup } from './groups.ts';
export { type Mount, type MountOptions, mount } from './mount.ts';
export { type RunOptions, rerun, run } from './run.ts';
export { listTasks, openStore, type Store, type StoreOptions, verify } from './store.ts';
export type { ArtifactInfo } from './task.ts';
export { openTask, type Task } from './task.ts';
