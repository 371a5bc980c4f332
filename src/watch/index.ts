/**
 * What happens to tasks and files while it happens: the staging watcher, events, the terminal
 * view. Reads the store and staging; changes nothing.
 */
export { describeEvent } from './event.ts';
export { jsonPath, printableName } from './name.ts';
export { showTree } from './view/show.ts';
export { watchEvents } from './watch.ts';
