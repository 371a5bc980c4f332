/**
 * Which part of a task's files is sealed, by patterns as of .gitignore. Nothing here reads files.
 */
export { parseSelection, type Selection } from './selection.ts';
