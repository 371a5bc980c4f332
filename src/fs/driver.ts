import type { Store } from '../store/index.ts';
import type { NodeId } from './file-system.ts';
import type { MountView } from './mount-view.ts';

/**
 * The contract between src/server/ and the drivers: src/fuse/ is `kernel`, src/fuse-native/ is
 * `libfuse`, by their names on the command line. A driver exports one function `serve` of the type
 * `Serve`. It is called with a mount point that was checked: an empty directory on which nothing
 * is mounted. The process that serves a mount may never touch it synchronously.
 */
export const DRIVERS = ['kernel', 'libfuse'] as const;
export type DriverName = (typeof DRIVERS)[number];

/** Directories of archive/ by the day on which tasks ended. */
export const GROUPINGS = ['day'] as const;
export type Grouping = (typeof GROUPINGS)[number];

/** How the file system behaves. Structured-cloneable: it goes to the thread that serves. */
export interface FileSystemOptions {
  /** age identities that open the archives; undefined: the store's own. */
  readonly identities?: readonly string[];
  /** Users other than the server's may enter, and are judged by modes and ids. */
  readonly othersEnter?: boolean;
  /** Every change is EROFS, though the mount itself is not read-only. */
  readonly refusesChanges?: boolean;
  /** For how long (milliseconds) the kernel may cache names and attributes of live files. */
  readonly liveTtlMs?: number;
  /**
   * Let the kernel cache names and attributes of quiet directories for longer: for drivers that
   * pass on what `takeChanges` reports.
   */
  readonly cacheLeases?: boolean;
  /**
   * Let live files be mapped shared and written so also where mount and staging have two caches.
   */
  readonly sharedMmap?: boolean;
  /** The staging directories that are attached: memory of `AttachedDirectories`. */
  readonly attached?: SharedArrayBuffer;
  /** For how long (milliseconds) at most the kernel may cache live/, archive/ and logs/. */
  readonly topTtlMs?: number;
  /** The tasks that are shown; undefined: all. */
  readonly view?: MountView;
  /** How the tasks of archive/ are grouped into directories; undefined: not at all. */
  readonly group?: Grouping;
  /** What the attribute user.taskfs.live of live/ says: how live files are shown, and why. */
  readonly liveMode?: string;
}

/** How to serve. Structured-cloneable: a driver may hand it to its worker thread as it is. */
export interface ServeOptions {
  readonly store: Store;
  readonly fileSystem: FileSystemOptions;
  /** Users other than the one who mounts may enter (allow_other). */
  readonly allowOther: boolean;
  /** The whole mount refuses changes. */
  readonly readOnly: boolean;
  /** No symlink in the mount is followed (the mount option nosymfollow). */
  readonly nosymfollow: boolean;
  /** Changes beneath raise inotify events on the mount, where the driver can. */
  readonly notify: boolean;
  /** What programs ask is to be counted; a driver that cannot do this refuses (`usage`). */
  readonly countsUses: boolean;
}

/** A mount that is served. */
export interface Served {
  /** Resolves when the mount has ended, whoever ended it, and every descriptor is closed. */
  readonly ended: Promise<void>;
  /** Throws TaskfsError where the mount is in use. */
  unmount(): Promise<void>;
  /**
   * Ends the mount's connections to the kernel, in every mount namespace and whoever uses them:
   * every call that waits for an answer fails. Drivers that end with the mount lack it.
   */
  readonly abort?: () => void;
  /**
   * Makes the kernel forget a name in a directory: what is mounted on it or beneath it is unmounted
   * from there, lazily, in every mount namespace. Drivers that cannot do this lack it.
   */
  readonly forgetName?: (directory: NodeId, name: string) => void;
  /**
   * How often programs have asked for something, where that is counted. It wraps around: only that
   * it has changed means something.
   */
  readonly uses?: () => number;
  /**
   * Fulfilled when whoever watches a directory was notified of what has happened to a name in it:
   * at once where nobody does, and within some seconds in any case. Drivers without events lack it.
   */
  readonly untilNotified?: (directory: NodeId, name: string) => Promise<void>;
  /** Sentences for the user, as why something is slower than it could be. */
  readonly notes: readonly string[];
}

/**
 * Mounts, and resolves as soon as the mount answers. Throws TaskfsError with the reason: /dev/fuse
 * missing or refused, no fusermount3, allow_other not allowed.
 */
export type Serve = (mountpoint: string, options: ServeOptions) => Promise<Served>;
