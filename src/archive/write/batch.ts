import { closeSync, constants } from 'node:fs';
import { O_PATH, openAt, statFd } from '../../sys/index.ts';
import { type DirectoryCursor, TreeChanged } from './directory-cursor.ts';
import { contentLength, hasContent, type LayoutEntry, tarLength } from './layout-entry.ts';
import type { TarLayout } from './tar-layout.ts';
import { needsChmod } from './temporary-chmod.ts';

/** Consecutive entries of the tar, for one thread; it can be sent to one. */
export interface Batch {
  /** Where its first byte goes in the tar, and how many there are. */
  readonly at: number;
  readonly length: number;
  /** Which of all files with content its first one is. */
  readonly firstFile: number;
  /** Encoded entries, one after the other. */
  readonly entries: Uint8Array;
  /** The directories of these entries, in the same order. */
  readonly directories: readonly BatchDirectory[];
}

/** A directory of a batch. */
export interface BatchDirectory {
  /** Opens the names in it; -1 where none has to be opened. */
  readonly fd: number;
  readonly path: Uint8Array;
  /** How many entries are in it. */
  readonly count: number;
}

/** A batch to be written, and what that needs. */
export interface BatchJob {
  readonly batch: Batch;
  /** Whether it has files that need a temporary mode: only the main thread sets those. */
  readonly needsMainThread: boolean;
  /** Whether it must be written before the cursor moves on. */
  readonly isBarrier: boolean;
  /** Closes its directories. */
  done(): void;
}

const MAX_ENTRIES = 64;
const MAX_BYTES = 512 * 1024;

/** An open directory that batches share. */
class SharedDirectory {
  readonly fd: number;
  private users = 1;
  constructor(dirfd: number) {
    this.fd = openAt(dirfd, '.', O_PATH | constants.O_DIRECTORY);
  }
  share(): SharedDirectory {
    this.users++;
    return this;
  }
  release(): void {
    if (--this.users === 0) closeSync(this.fd);
  }
}

/** A batch that is being filled. */
class BatchBuilder {
  readonly at: number;
  readonly firstFile: number;
  readonly needsMainThread: boolean;
  length = 0;
  files = 0;
  private readonly entries: Buffer[] = [];
  private readonly directories: { fd: number; path: Buffer; count: number }[] = [];
  private readonly shared: SharedDirectory[] = [];

  constructor(at: number, firstFile: number, needsMainThread: boolean) {
    this.at = at;
    this.firstFile = firstFile;
    this.needsMainThread = needsMainThread;
  }

  get isFull(): boolean {
    return this.entries.length >= MAX_ENTRIES || this.length >= MAX_BYTES;
  }

  get isEmpty(): boolean {
    return this.entries.length === 0;
  }

  add(
    entry: LayoutEntry,
    encoded: Buffer,
    path: Buffer,
    directory: SharedDirectory | undefined,
  ): void {
    const last = this.directories.at(-1);
    const fd = directory?.fd ?? -1;
    if (last && last.fd === fd && last.path === path) last.count++;
    else {
      this.directories.push({ fd, path, count: 1 });
      if (directory && !this.shared.includes(directory)) this.shared.push(directory.share());
    }
    this.entries.push(Buffer.from(encoded));
    this.length += tarLength(entry);
    if (hasContent(entry)) this.files++;
  }

  finish(isBarrier: boolean): BatchJob {
    const { at, length, firstFile, entries, directories, shared, needsMainThread } = this;
    // Buffers of their own: sending a part of one sends all of it.
    const sent = directories.map(({ fd, path, count }) => ({
      fd,
      path: Uint8Array.from(path),
      count,
    }));
    const bytes = Uint8Array.from(Buffer.concat(entries));
    const batch = { at, length, firstFile, entries: bytes, directories: sent };
    const done = (): void => {
      for (const directory of shared) directory.release();
    };
    return { batch, needsMainThread, isBarrier, done };
  }
}

const NO_PATH = Buffer.alloc(0);

/**
 * Walks the tree of a layout again and groups its entries into batches. After a barrier, the next
 * one may only be asked for once all before it are written. Throws TreeChanged where the tree is
 * not as laid out, Errno.
 */
export function* batches(
  layout: TarLayout,
  cursor: DirectoryCursor | undefined,
): Generator<BatchJob> {
  let at = 0;
  let file = 0;
  let builder = new BatchBuilder(0, 0, false);
  let directory: SharedDirectory | undefined;
  const next = (needsMainThread: boolean): void => {
    builder = new BatchBuilder(at, file, needsMainThread);
  };
  const release = (): void => {
    directory?.release();
    directory = undefined;
  };
  let isTop = true;
  try {
    for (const { entry, encoded } of layout.log.read()) {
      if (entry.kind === 'leave') {
        release();
        if (cursor?.isModeChanged()) {
          yield builder.finish(true);
          next(false);
        }
        cursor?.leave();
        continue;
      }
      if (entry.kind === 'enter') {
        release();
        if (!isTop) cursor?.enter(Buffer.from(entry.name));
        isTop = false;
        checkDirectory(entry, cursor);
      }
      if (entry.headerLength === 0) continue;
      const isFile = hasContent(entry);
      const needsMainThread = isFile && needsChmod(entry.stat);
      if (builder.isFull || needsMainThread !== builder.needsMainThread) {
        if (!builder.isEmpty) yield builder.finish(false);
        next(needsMainThread);
      }
      const here = cursor?.here.path ?? NO_PATH;
      if (isFile) directory ??= new SharedDirectory(cursor?.fd ?? -1);
      builder.add(entry, encoded, here, isFile ? directory : undefined);
      at += tarLength(entry);
      if (isFile) file++;
      if (contentLength(entry) > MAX_BYTES) {
        yield builder.finish(false);
        next(false);
      }
    }
    if (!builder.isEmpty) yield builder.finish(false);
  } finally {
    release();
  }
}

function checkDirectory({ stat }: LayoutEntry, cursor: DirectoryCursor | undefined): void {
  if (!cursor) return;
  const { ino, dev } = statFd(cursor.fd);
  if (ino !== stat.ino || dev !== stat.dev) throw new TreeChanged(cursor.here.path);
}
