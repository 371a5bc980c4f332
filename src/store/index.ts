/**
 * store: what is on disk, and the only code that knows how. The store's directories, task records
 * and their state machine, events, locks, staging, keys, and (in seal/) the sealed archive.
 * Every process shares the store and nothing else. Imports sys only.
 */
export { removeTemporaries } from './atomic-file.ts';
export * from './errors.ts';
export * from './events.ts';
export * from './lock.ts';
export * from './record.ts';
export * from './status.ts';
export * from './store.ts';
export * from './task-name.ts';
