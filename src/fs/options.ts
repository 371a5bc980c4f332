/** How the core behaves. Structured-cloneable: it goes to the thread that serves. */
export interface FileSystemOptions {
  /** age identities that open the archives; undefined: the store's own. */
  readonly identities?: readonly string[];
  /** Users other than the server's may enter, and are judged by modes and ids. */
  readonly othersEnter?: boolean;
  /** For how long (milliseconds) the kernel may believe names and attributes of live files. */
  readonly liveTtlMs?: number;
  /**
   * Lend names and attributes of quiet directories for longer: for drivers that tell the kernel
   * what `takeChanges` says.
   */
  readonly cacheLeases?: boolean;
  /** Let live files be mapped shared and written so also where mount and staging have two caches. */
  readonly sharedMmap?: boolean;
  /** Watch no directory that is busy, which makes each write(2) in it a little faster. */
  readonly pauseWatches?: boolean;
}
