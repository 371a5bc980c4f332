/**
 * What happens to tasks and files while it happens: the staging watcher, events, the live tree.
 * Reads the store and staging; changes nothing.
 */
export { describeEvent, type FileEvent, type WatchEvent } from './event.ts';
export { jsonPath, printableName } from './name.ts';
export { scanArchive } from './scan-archive.ts';
export { TaskStates } from './task-states.ts';
export { LiveTree, pathOf, type TreeNode } from './tree.ts';
export { Watch, watchEvents } from './watch.ts';
