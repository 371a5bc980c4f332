/**
 * watch: what happens to tasks and their files while somebody looks. Chokidar says where something
 * happened, the tree says what; events for programs, a live tree for a terminal. Reads the store and
 * writes nothing. Imports store and sys; whatever draws lives in view/.
 */
export { describeEvent, type WatchEvent } from './event.ts';
export { watchEvents } from './stream.ts';
export { showTree, type Terminal } from './view/show.ts';
export { Watch, type WatchOptions } from './watch.ts';
