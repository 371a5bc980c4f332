/**
 * A module that exports `createFileSystem(...arguments): FileSystem`, loaded in the serving
 * thread.
 */
export interface FileSystemSource {
  /** The module's URL. */
  readonly module: string;
  /** Plain data: it is cloned into the thread. */
  readonly arguments: readonly unknown[];
}

/** How to mount and serve any file system. Structured-cloneable. */
export interface FuseOptions {
  readonly fileSystem: FileSystemSource;
  /** What /proc/self/mountinfo shows as the mount's source. */
  readonly sourceName: string;
  /** What it shows as the file system's type, after `fuse.`. */
  readonly subtype: string;
  /** Users other than the one who mounts may enter; the kernel checks their permissions. */
  readonly allowOther: boolean;
  readonly readOnly: boolean;
  /**
   * File systems are mounted beneath `live`, which must go when nobody serves this one any more.
   */
  readonly hasAttachments?: boolean;
  /** The kernel follows no symlink in the mount. */
  readonly nosymfollow?: boolean;
  /**
   * Files and directories are never opened: the file system answers open, opendir and flush with
   * ENOSYS, upon which the kernel sends these no more, keeps pages and listings, and passes only
   * nodes. Such a file system takes a node where others take a handle, and refuses changes.
   */
  readonly stateless?: boolean;
  /**
   * What happens beneath is repeated through the mount, where somebody watches it (inotify). On a
   * read-only mount that is possible for root only.
   */
  readonly notify?: boolean;
  /** Memory of a `UseCounter`, where what programs ask is to be counted. */
  readonly uses?: SharedArrayBuffer;
}
