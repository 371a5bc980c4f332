/**
 * The terminal view: tasks, the files of the chosen one, and a third pane with its log or a
 * preview. Loaded by `watch` alone. What is drawn comes from panes as styled lines; how a terminal
 * is driven is in src/terminal/.
 */
export { showTasks, type Terminal } from './show.ts';
export type { Programs } from './task-actions.ts';
