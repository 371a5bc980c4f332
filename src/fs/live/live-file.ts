import { closeSync, constants, fdatasyncSync, fsyncSync, readSync, writeSync } from 'node:fs';
import { Errno, errno } from '../../errno.ts';
import { reopen, tryLock, unlock } from '../../sys/index.ts';
import type { RangeLock } from '../file-system.ts';
import { asksToWrite, type OpenFile } from '../subtree.ts';
import type { Inode, OpenState } from './inode.ts';
import { type LockDescriptors, RecordLocks } from './record-locks.ts';

const { O_APPEND, O_CREAT, O_DIRECT, O_EXCL, O_NOCTTY, O_NOFOLLOW, O_NONBLOCK } = constants;

/**
 * The flags to open the real file with. O_DIRECT stays with the kernel, since our buffers are not
 * aligned. O_NONBLOCK: another process's lease on the file must not make the server wait.
 */
export const realFlags = (flags: number): number =>
  (flags & ~(O_CREAT | O_EXCL | O_NOFOLLOW | O_NOCTTY | O_DIRECT)) | O_NONBLOCK;

/** Who follows what becomes of an open file. */
export interface FileWatch {
  readonly lockDescriptors: LockDescriptors;
  /** Throws where it may not be written to any more. */
  assertOpen(): void;
  /** Its content was changed through this open file. */
  changed(file: LiveFile): void;
  /** Whether somebody else may write to it, in whatever way. */
  isWritten(file: LiveFile): boolean;
  /** Closes its descriptor, opened or pinned, of which nothing is used any more. */
  closed(file: LiveFile): void;
}

/** The real file as it is open, or a descriptor (O_PATH) by which it can be, whatever its name. */
export type Descriptor = { readonly opened: number } | { readonly pinned: number };

/** An open file of a live task: one descriptor of the real file. */
export class LiveFile implements OpenFile {
  readonly inode: Inode;
  private readonly state: OpenState;
  readonly writes: boolean;
  private readonly flags: number;
  private readonly watch: FileWatch;
  private descriptor: Descriptor;
  private other: number | undefined;

  /**
   * `state`: what else is open of the inode, and this from now on. What is only pinned is opened
   * with `flags`, those of open(2), as soon as something is asked of it.
   */
  constructor(
    inode: Inode,
    state: OpenState,
    descriptor: Descriptor,
    flags: number,
    watch: FileWatch,
  ) {
    this.inode = inode;
    this.state = state;
    this.descriptor = descriptor;
    this.writes = asksToWrite(flags);
    this.flags = flags;
    this.watch = watch;
    state.files.add(this);
  }

  private get appends(): boolean {
    return (this.flags & O_APPEND) !== 0;
  }

  get fd(): number {
    if ('pinned' in this.descriptor) this.descriptor = this.open(this.descriptor.pinned);
    return this.descriptor.opened;
  }

  private open(pinned: number): { readonly opened: number } {
    const opened = reopen(pinned, realFlags(this.flags));
    closeSync(pinned);
    return { opened };
  }

  get openFd(): number | undefined {
    return 'opened' in this.descriptor ? this.descriptor.opened : undefined;
  }

  get pathFd(): number {
    return 'opened' in this.descriptor ? this.descriptor.opened : this.descriptor.pinned;
  }

  get contentFd(): number {
    return this.fd;
  }

  read(into: Uint8Array, offset: number): number {
    return readSync(this.fd, into, 0, into.length, offset);
  }

  isChanging(): boolean {
    return !this.writes && this.watch.isWritten(this);
  }

  /** What appends grows the file at its real end, wherever the caller believes that to be. */
  write(data: Uint8Array, offset: number, appends = this.appends): number {
    this.watch.assertOpen();
    const fd = appends === this.appends ? this.fd : this.otherwise();
    const written = writeSync(fd, data, 0, data.length, offset);
    this.changed();
    return written;
  }

  changed(): void {
    this.watch.changed(this);
  }

  /** A descriptor that appends where the file was opened not to, and the other way round. */
  private otherwise(): number {
    const append = this.appends ? 0 : O_APPEND;
    this.other ??= reopen(this.fd, constants.O_WRONLY | O_NONBLOCK | append);
    return this.other;
  }

  assertWritable(): void {
    this.watch.assertOpen();
  }

  fsync(dataOnly: boolean): void {
    if (dataOnly) fdatasyncSync(this.fd);
    else fsyncSync(this.fd);
  }

  getlk(owner: bigint, lock: RangeLock): RangeLock | undefined {
    return this.locks().find(owner, lock, this);
  }

  setlk(owner: bigint, lock: RangeLock): void {
    this.locks().set(owner, lock, this);
  }

  lockHolder(owner: bigint, lock: RangeLock): bigint | undefined {
    return this.state.locks?.holder(owner, lock);
  }

  flock(_owner: bigint, kind: 'shared' | 'exclusive' | 'unlock'): void {
    if (kind === 'unlock') unlock(this.fd);
    else if (!tryLock(this.fd, kind)) throw Errno.of(errno.EAGAIN);
  }

  private locks(): RecordLocks {
    this.state.locks ??= new RecordLocks(this.watch.lockDescriptors);
    return this.state.locks;
  }

  close(): void {
    const { files, locks } = this.state;
    files.delete(this);
    if (files.size === 0) locks?.close();
    else locks?.giveBack(this);
    if (this.other !== undefined) closeSync(this.other);
    this.watch.closed(this);
  }
}

/** The refusal for opening what is no regular file: the kernel serves devices and pipes itself. */
export function refuseSpecial(isLink: boolean): Errno {
  return Errno.of(isLink ? errno.ELOOP : errno.ENXIO);
}
