/**
 * Whole files, safely: replaced atomically, opened only where they are regular and of a possible
 * size, read and written completely. What belongs to one format or to the store does not enter.
 */
export {
  removeTemporaries,
  syncDirectory,
  syncFileSystem,
  writeFileAtomic,
  writeNewFile,
} from './atomic-file.ts';
export { isDirectoryAt, makeDirectories } from './make-directories.ts';
export { readFully, readFullyAsync, writeFully } from './read-write.ts';
export {
  openRegularFile,
  openRequiredFile,
  readOptionalText,
  readRegularFile,
  readRegularText,
  readRequiredFile,
} from './regular-file.ts';
export { readStream } from './stream.ts';
export { syncFile, syncTree } from './sync-tree.ts';
