/**
 * Whole files, safely: replaced atomically, opened only where they are regular and of a possible
 * size. What belongs to one format or to the store does not enter.
 */
export { removeTemporaries, syncDirectory, writeFileAtomic } from './atomic-file.ts';
export { readFully } from './read-fully.ts';
export { openRegularFile, readRegularFile } from './regular-file.ts';
