import type {
  AttrChange,
  Attributes,
  Caller,
  DirectoryEntry,
  Entry,
  FileSystemStat,
  NodeId,
  PlainEntry,
  RangeLock,
} from './file-system.ts';

/**
 * A room is one of the four parts of the mount (root, live, archive, logs): it owns a range of node
 * numbers and answers for them. What a room leaves out is refused by the core with `refusal`.
 */
export interface Room {
  /** The errno number of every change that this room does not know: EPERM, or EROFS as POSIX has it. */
  readonly refusal: number;

  lookup(parent: NodeId, name: Uint8Array, caller: Caller): Entry;
  getattr(node: NodeId, file: OpenFile | undefined): Attributes;
  opendir(node: NodeId): OpenDirectory;
  statfs(node: NodeId): FileSystemStat;
  open(node: NodeId, flags: number, caller: Caller): OpenedFile;
  getxattr(node: NodeId, name: Uint8Array): Uint8Array;
  listxattr(node: NodeId): readonly Uint8Array[];

  forget?(node: NodeId, count: number): void;
  readlink?(node: NodeId): Uint8Array;
  setattr?(
    node: NodeId,
    file: OpenFile | undefined,
    change: AttrChange,
    caller: Caller,
  ): Attributes;
  mknod?(parent: NodeId, name: Uint8Array, mode: number, rdev: number, caller: Caller): Entry;
  mkdir?(parent: NodeId, name: Uint8Array, mode: number, caller: Caller): Entry;
  symlink?(parent: NodeId, name: Uint8Array, target: Uint8Array, caller: Caller): Entry;
  link?(node: NodeId, newParent: NodeId, newName: Uint8Array): Entry;
  unlink?(parent: NodeId, name: Uint8Array): void;
  rmdir?(parent: NodeId, name: Uint8Array): void;
  rename?(
    parent: NodeId,
    name: Uint8Array,
    newParent: NodeId,
    newName: Uint8Array,
    flags: number,
  ): void;
  create?(
    parent: NodeId,
    name: Uint8Array,
    flags: number,
    mode: number,
    caller: Caller,
  ): CreatedFile;
  tmpfile?(parent: NodeId, flags: number, mode: number, caller: Caller): CreatedFile;
  setxattr?(node: NodeId, name: Uint8Array, value: Uint8Array, flags: number): void;
  removexattr?(node: NodeId, name: Uint8Array): void;
  ioctl?(node: NodeId, command: number, input: Uint8Array, caller: Caller): Uint8Array;
  syncfs?(): void;
  close(): void;
}

/** An open file before the core gave it a handle. */
export interface OpenedFile {
  readonly file: OpenFile;
  readonly keepCache: boolean;
  readonly directIo: boolean;
  /** Both as in Opened. */
  readonly shared?: boolean;
  readonly refresh?: boolean;
}

export interface CreatedFile extends OpenedFile {
  readonly entry: Entry;
}

/** What an open file can do; what is missing is EBADF (writes) or EINVAL (the rest). */
export interface OpenFile {
  /** The descriptor of the real file, where there is one. */
  readonly fd?: number;
  /** A descriptor of the real file from which `read` reads as it is. */
  readonly contentFd?: number;
  /** The kernel reads and writes the real file itself from now on, and asks nobody. */
  passedThrough?(): void;
  read(into: Uint8Array, offset: number): number;
  close(): void;
  write?(data: Uint8Array, offset: number, appends: boolean | undefined): number;
  /** Throws EROFS where it may not be changed any more, for those who change the real file themselves. */
  assertWritable?(): void;
  sync?(dataOnly: boolean): void;
  /** lseek(2) with SEEK_DATA or SEEK_HOLE, where there is no real file to ask. */
  seek?(offset: bigint, whence: number): bigint;
  getlk?(owner: bigint, lock: RangeLock): RangeLock | undefined;
  setlk?(owner: bigint, lock: RangeLock): void;
  lockHolder?(owner: bigint, lock: RangeLock): bigint | undefined;
  flock?(kind: 'shared' | 'exclusive' | 'unlock'): void;
}

/** A directory opened for listing; cookies, `add` and `addPlain` are those of FileSystem.readdir. */
export interface OpenDirectory {
  sync?(): void;
  read(
    cookie: bigint,
    add: (entry: DirectoryEntry) => boolean,
    addPlain?: (entry: PlainEntry) => boolean,
  ): void;
  close(): void;
}
