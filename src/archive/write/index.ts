/**
 * Sealing: the walk over a tree, the layout of its tar, encryption by threads, the read-back and
 * the commit. Who wants a task sealed, and when, is decided elsewhere.
 */
export { removePlaintext } from './commit.ts';
export {
  isUnsettled,
  type SealOptions,
  type SealProgress,
  type SealResult,
  sealTask,
} from './seal.ts';
export { assertStored } from './stored.ts';
export type { LeftOut } from './tar-layout.ts';
