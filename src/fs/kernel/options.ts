/** A module that exports `createFileSystem(...arguments): FileSystem`; it is loaded in the driver's thread. */
export interface FileSystemSource {
  /** The module's URL. */
  readonly module: string;
  /** Plain data: it is cloned into the thread. */
  readonly arguments: readonly unknown[];
}

/** How to mount and serve any file system. Structured-cloneable. */
export interface KernelOptions {
  readonly fileSystem: FileSystemSource;
  /** What /proc/self/mountinfo shows as the mount's source. */
  readonly sourceName: string;
  /** Users other than the one who mounts may enter; the kernel checks their permissions. */
  readonly allowOther: boolean;
  readonly readOnly: boolean;
  /** Let the kernel read and write real files itself where it can. */
  readonly passthrough: boolean;
  /** The directory that those files lie in: passthrough is tried there when mounting. */
  readonly backingDirectory: string;
}
