import type { Errno } from '../errno.ts';
import type { Stat, Timespec } from '../sys/index.ts';

/**
 * The contract between a file system and the drivers that serve it. A driver turns requests of its
 * protocol into these calls and their results into replies; it knows nothing of tasks. The file
 * system knows nothing of protocols.
 *
 * - A *node* (inode) is a number that `lookup`, `mkdir` and their like gave out, valid until it
 *   was forgotten as often as it was given. The root is 1. Numbers are safe integers.
 *   The highest million of them is left to drivers.
 * - A *handle* is a number that `open`, `create` and `opendir` gave out, valid until released.
 * - Names are raw bytes without NUL and slash. Times are bigint nanoseconds.
 * - Everything is synchronous (an asynchronous round trip costs more than the call). A refusal is
 *   thrown: an `Errno`, or what `toErrno` turns into one; anything else is EIO to the caller.
 */
export type NodeId = number;
export type HandleId = number;
export const ROOT: NodeId = 1;

/** Who asks. A driver that does not know uses the server's own ids. */
export interface Caller {
  readonly uid: number;
  readonly gid: number;
  readonly pid: number;
}

/** Attributes of a node: those of stat(2); `ino` is what programs see, unique within the mount. */
export type Attr = Omit<Stat, 'dev' | 'mount'>;

/**
 * What lookup gives: the node, its attributes, and for how long (milliseconds) the kernel may
 * cache each.
 */
export interface Entry {
  readonly node: NodeId;
  readonly attr: Attr;
  readonly entryTtlMs: number;
  readonly attrTtlMs: number;
}

export interface Attributes {
  readonly attr: Attr;
  readonly attrTtlMs: number;
}

/** How the kernel may cache an open file. */
export interface Caching {
  /**
   * The content is immutable or known unchanged: the kernel keeps its pages from earlier opens.
   */
  readonly keepCache: boolean;
  /** Sizes lie (a log that grows): no page cache, reads go to the server. */
  readonly directIo: boolean;
  /** The node has other open files: closing this one may have to drop record locks (fcntl(2)). */
  readonly shared?: boolean;
  /** Nobody will report changes of the attributes that the kernel may cache: it must ask again. */
  readonly refresh?: boolean;
}

/** A file that was opened for a driver. */
export interface Opened extends Caching {
  readonly handle: HandleId;
}

/** A file that was made and opened in one call. */
export interface Created<Open> {
  readonly entry: Entry;
  readonly opened: Open;
}

/** What setattr changes; absent fields stay. `size` is truncate(2). */
export interface AttrChange {
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly size?: bigint;
  readonly atime?: bigint | 'now';
  readonly mtime?: bigint | 'now';
}

/** One directory entry as readdir shows it; `cookie` is where the next call continues after it. */
export interface DirectoryEntry {
  readonly name: Uint8Array;
  readonly ino: bigint;
  /** DT_* of readdir(3). */
  readonly type: number;
  readonly cookie: bigint;
  /** What lookup of the name would give, where it is at hand. */
  readonly found?: Entry;
}

/**
 * An entry of a listing in numbers. One record serves a whole listing: such listings are of very
 * many entries, and an object or a bigint for each would take most of the time.
 */
export interface PlainEntry {
  /** The name is `from` to `to` of these, which hold until the call returns. */
  bytes: Uint8Array;
  from: number;
  to: number;
  inoHigh: number;
  inoLow: number;
  type: number;
  cookie: number;
  /** What lookup would give; undefined where nobody is expected to ask for it. */
  attributes: PlainAttributes | undefined;
}

/**
 * An Entry in numbers; `rdev` is 0, `ino` that of the PlainEntry, of which the upper and the lower
 * 32 bits are apart.
 */
export interface PlainAttributes {
  node: NodeId;
  entryTtlMs: number;
  attrTtlMs: number;
  mode: number;
  nlink: number;
  uid: number;
  gid: number;
  size: number;
  blocks: number;
  blksize: number;
  atime: Timespec;
  mtime: Timespec;
  ctime: Timespec;
}

/** Something that the kernel may have cached of a name is old before its time. */
export interface Change {
  /**
   * The directory that holds the name and has changed itself; undefined: everything may be old.
   */
  readonly directory: NodeId | undefined;
  /** Empty where only the directory is meant. */
  readonly name: Uint8Array;
  /** The node that the name stands for, where that is known: its attributes are old. */
  readonly node: NodeId | undefined;
  /** The pages that the kernel keeps of the node may be old as well. */
  readonly isContentOld?: boolean;
  /** The listing of the directory that the kernel keeps is to be asked for again. */
  readonly isListingOld?: boolean;
}

/** statfs(2), in blocks of `bsize` bytes. */
export interface FileSystemStat {
  readonly blocks: bigint;
  readonly bfree: bigint;
  readonly bavail: bigint;
  readonly files: bigint;
  readonly ffree: bigint;
  readonly bsize: number;
  readonly namelen: number;
  readonly frsize: number;
}

/** A byte-range lock as fcntl(2) has it; `end` is inclusive. */
export interface RangeLock {
  readonly type: 'read' | 'write' | 'unlock';
  readonly start: bigint;
  readonly end: bigint;
  readonly pid: number;
}

/**
 * What is asked of nodes. `File` and `Directory` are how an open one is named, `Open` is what
 * opening a file gives: numbers for drivers, the objects themselves inside of the file system
 * (subtree.ts).
 */
export interface NodeOperations<File, Directory, Open> {
  /** Undefined where nothing has this name. */
  lookup(parent: NodeId, name: Uint8Array, caller: Caller): Entry | undefined;
  /**
   * For how long (milliseconds) the kernel may cache that a name, which was just looked up, is
   * missing.
   */
  missingTtlMs?(parent: NodeId, name: Uint8Array): number;
  /** Whether the kernel caches a directory's entry, and will for a while. */
  isCached?(parent: NodeId, entry: DirectoryEntry): boolean;
  /** Takes back `count` of the references that replies gave to a node. */
  forget(node: NodeId, count: number): void;

  getattr(node: NodeId, file: File | undefined): Attributes;
  /** Whether every change of a node is refused with EROFS, as on a read-only file system. */
  isReadOnly?(node: NodeId): boolean;
  setattr(node: NodeId, file: File | undefined, change: AttrChange, caller: Caller): Attributes;
  readlink(node: NodeId): Uint8Array;

  mknod(parent: NodeId, name: Uint8Array, mode: number, rdev: number, caller: Caller): Entry;
  mkdir(parent: NodeId, name: Uint8Array, mode: number, caller: Caller): Entry;
  symlink(parent: NodeId, name: Uint8Array, target: Uint8Array, caller: Caller): Entry;
  link(node: NodeId, newParent: NodeId, newName: Uint8Array): Entry;
  unlink(parent: NodeId, name: Uint8Array): void;
  rmdir(parent: NodeId, name: Uint8Array): void;
  /** `flags` are renameat2(2)'s. */
  rename(
    parent: NodeId,
    name: Uint8Array,
    newParent: NodeId,
    newName: Uint8Array,
    flags: number,
  ): void;

  /** `flags` are open(2)'s. */
  open(node: NodeId, flags: number, caller: Caller): Open;
  create(
    parent: NodeId,
    name: Uint8Array,
    flags: number,
    mode: number,
    caller: Caller,
  ): Created<Open>;
  /** O_TMPFILE in the directory `parent`. */
  tmpfile(parent: NodeId, flags: number, mode: number, caller: Caller): Created<Open>;
  opendir(node: NodeId, caller: Caller): Directory;
  /** Whether the kernel may keep a directory's listing for as long as its mtime stays the same. */
  keepsListing?(node: NodeId): boolean;

  statfs(node: NodeId): FileSystemStat;
  syncfs(node: NodeId): void;

  getxattr(node: NodeId, name: Uint8Array): Uint8Array;
  listxattr(node: NodeId): readonly Uint8Array[];
  setxattr(node: NodeId, name: Uint8Array, value: Uint8Array, flags: number, caller: Caller): void;
  removexattr(node: NodeId, name: Uint8Array): void;

  /**
   * ioctl(2) of a regular file or directory that somebody has open: takes what the command sends
   * and gives what it answers. Throws ENOTTY for what it does not know; without this, nothing is
   * known.
   */
  ioctl?(node: NodeId, command: number, input: Uint8Array, caller: Caller): Uint8Array;
}

/** What is asked of an open file. */
export interface FileOperations {
  /**
   * Whether others may write to the file beneath, through a mapping as well, which changes nothing
   * that would show it: what the kernel keeps of a reading is then old soon.
   */
  isChanging?(): boolean;
  /** Fills `into` from `offset`; returns the bytes read, fewer only at the file's end. */
  read(into: Uint8Array, offset: number): number;
  /**
   * `appends`: whether the descriptor does at present, wherever the kernel believes the end to be;
   * undefined: as it was opened. Dirty pages of a mapping never do, whichever handle they come by.
   */
  write(data: Uint8Array, offset: number, appends?: boolean): number;
  fsync(dataOnly: boolean): void;
  /** `whence` is SEEK_DATA or SEEK_HOLE. */
  lseek(offset: bigint, whence: number): bigint;
  /**
   * The lock that stands in the way of `lock`, or undefined. `owner` is the kernel's lock owner.
   */
  getlk(owner: bigint, lock: RangeLock): RangeLock | undefined;
  /** Takes or drops a range lock at once, or throws EAGAIN; a driver that waits, asks again. */
  setlk(owner: bigint, lock: RangeLock): void;
  /** The owner whose lock, taken through this file system, stands in the way of `lock`. */
  lockHolder(owner: bigint, lock: RangeLock): bigint | undefined;
  /** flock(2) at once, or EAGAIN. */
  flock(owner: bigint, kind: 'shared' | 'exclusive' | 'unlock'): void;
}

/** What is asked of an open directory. */
export interface DirectoryOperations {
  /**
   * Gives entries from `cookie` (0n: the beginning) on, `.` and `..` included, to `add` until that
   * returns false: the reply is full, and this entry is asked for again. What `add` is given holds
   * until it returns. Where a driver has `addPlain` it may be given entries instead, in the same
   * order.
   */
  readdir(
    cookie: bigint,
    add: (entry: DirectoryEntry) => boolean,
    addPlain?: (entry: PlainEntry) => boolean,
  ): void;
  fsyncdir(): void;
}

/** Caches that are revoked before their time. */
export interface Revocation {
  /** A descriptor that is readable (poll(2)) when `takeChanges` has something to report. */
  changesFd?(): number | undefined;
  /** What became old since the last call. */
  takeChanges?(): readonly Change[];
  /**
   * Whether the kernel may hold something that `takeChanges` would report as old: where it holds
   * nothing, that is not urgent.
   */
  isAnythingCached?(): boolean;
  /**
   * Lets go of what is kept for a moment because the next request may need it. To be called before
   * each sleep, and once a millisecond; returns in how many milliseconds at the latest to call it
   * again, Infinity where nothing is kept.
   */
  settle?(): number;
}

/** A name in a directory. */
export interface Place {
  readonly directory: NodeId;
  readonly name: Uint8Array;
}

/**
 * Something that happened beneath, not through this file system, in a directory that is observed:
 * the changes of inotify(7). `mode` has at least the type bits of what the name stood for.
 */
export type FileEvent =
  | {
      readonly kind: 'create' | 'delete' | 'modify' | 'attrib' | 'close-write';
      readonly at: Place;
      readonly mode: number;
    }
  /** A rename; without `from` or `to` that half happened where nobody observes. */
  | {
      readonly kind: 'move';
      readonly from: Place | undefined;
      readonly to: Place | undefined;
      readonly mode: number;
    }
  /** This file system itself made, moved or removed a name: what came before is out of date. */
  | { readonly kind: 'own'; readonly at: Place };

/** Has changes beneath reported. */
export interface Observation {
  /** From now on these nodes, and no others, are observed; for a file, its directory is. */
  observe?(nodes: readonly NodeId[]): void;
  /** What happened since the last call, as far as changes were taken since. */
  takeEvents?(): readonly FileEvent[];
  /** Whether this file system has changed names beneath since changes were taken last. */
  hasOwnChanges?(): boolean;
  /**
   * Whether some of the events that were taken are still to be replayed: for as long the kernel is
   * to cache no name in an observed directory.
   */
  replays?(isReplaying: boolean): void;
  /**
   * There was no room for these of the events that were taken last: they are found again by the
   * times of what is in the observed directories, and by what is missing there.
   */
  missed?(events: readonly FileEvent[]): void;
  /** Some of what was missed, which takes some milliseconds; undefined where nothing is left. */
  takeMissed?(): readonly FileEvent[] | undefined;
  /**
   * What a name stood for that was removed beneath, counted as looked up once more, where that is
   * among the observed nodes or leads to one.
   */
  formerEntry?(place: Place): Entry | undefined;
  /**
   * Whether something is mounted on what a name stands for: the kernel would unmount it, were
   * there no such name for a moment.
   */
  isMountedOn?(place: Place): boolean;
  /** The path from the root of the mount to a directory, if it is known. */
  pathOf?(directory: NodeId): Uint8Array | undefined;
}

/** The same methods, with the handle of what they are asked of as their first parameter. */
type ByHandle<T> = {
  [K in keyof T]: NonNullable<T[K]> extends (...args: infer Args) => infer Result
    ? (handle: HandleId, ...args: Args) => Result
    : never;
};

/** What a driver serves. */
export interface FileSystem
  extends NodeOperations<HandleId, HandleId, Opened>,
    ByHandle<FileOperations>,
    ByHandle<DirectoryOperations>,
    Revocation,
    Observation {
  /** A descriptor of the real file from which `read` reads, where there is one. */
  contentFd?(handle: HandleId): number | undefined;
  /** One close(2) of a descriptor; errors of delayed writes show here. */
  flush(handle: HandleId): void;
  release(handle: HandleId): void;
  fallocate(handle: HandleId, mode: number, offset: bigint, length: bigint): void;
  copyFileRange(
    source: HandleId,
    sourceOffset: bigint,
    target: HandleId,
    targetOffset: bigint,
    length: number,
  ): number;
  releasedir(handle: HandleId): void;

  /** The refusal that something thrown by these methods, and no Errno, stands for. */
  toErrno?(error: unknown): Errno;

  /** Closes every descriptor; nothing may be called afterwards. */
  close(): void;
}
