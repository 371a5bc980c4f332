import type { Store } from '../store/index.ts';
import type { FileSystem } from './filesystem.ts';

/** How the core behaves. Structured-cloneable: it goes to the thread that serves. */
export interface CoreOptions {
  /** age identities that open the archives; undefined: the store's own. */
  readonly identities?: readonly string[];
  /** For how long (milliseconds) the kernel may believe names and attributes of live files. */
  readonly liveTtlMs?: number;
}

/** Makes the file system that a mount of `store` shows. Worker-safe: no state outside of what it returns. */
export function createFileSystem(_store: Store, _options: CoreOptions = {}): FileSystem {
  throw new Error('not yet');
}
