import { closeSync } from 'node:fs';
import { IN, isOpenForWriting, statFd } from '../../sys/index.ts';
import { asksToWrite, type OpenedFile } from '../subtree.ts';
import type { TaskRecords } from '../task-records.ts';
import type { CacheLeases } from './cache-leases.ts';
import type { DeferredOpens } from './deferred-opens.ts';
import { isMarked } from './editor-files.ts';
import type { Freeze } from './freeze.ts';
import type { Inode } from './inode.ts';
import type { InodeTable } from './inode-table.ts';
import type { KeptPages } from './kept-pages.ts';
import { type Descriptor, LiveFile } from './live-file.ts';
import type { ObservedDirectories } from './observed-directories.ts';
import type { LockDescriptors } from './record-locks.ts';
import type { UnwrittenFiles } from './unwritten-files.ts';

interface Parts {
  readonly table: InodeTable;
  readonly records: TaskRecords;
  readonly freeze: Freeze;
  readonly leases: CacheLeases | undefined;
  readonly observed: ObservedDirectories | undefined;
  readonly unwritten: UnwrittenFiles | undefined;
  readonly pages: KeptPages;
  readonly deferred: DeferredOpens;
  readonly lockDescriptors: LockDescriptors;
  /** Whether files that are open for writing may be mapped shared. */
  readonly sharedMmap: boolean;
}

/** Files of live tasks that are open through the mount, and what the kernel may keep of them. */
export class OpenFiles {
  private readonly parts: Parts;

  constructor(parts: Parts) {
    this.parts = parts;
  }

  /**
   * Opens a file by `open`, at once or when something is asked of it. Within a change where
   * `flags` ask for writing.
   */
  open(inode: Inode, flags: number, open: () => number): OpenedFile {
    const { deferred } = this.parts;
    const pinned = deferred.pin(inode, flags);
    if (pinned === undefined) return this.opened(inode, open(), flags);
    const file = this.file(inode, { pinned }, flags, false);
    deferred.add(file);
    return { file, keepCache: true, directIo: false };
  }

  /**
   * Takes over the descriptor of a file that was opened with `flags`. Within a change where it is
   * opened for writing: sealing then waits until it is closed.
   */
  opened(inode: Inode, fd: number, flags: number): OpenedFile {
    const { table, freeze, unwritten, pages } = this.parts;
    const isWaitedFor = asksToWrite(flags) && !this.isLeftOut(inode, fd);
    if (isWaitedFor) freeze.join(inode.task);
    const file = this.file(inode, { opened: fd }, flags, isWaitedFor);
    const shared = table.open(inode).files.size > 1;
    const refresh = !this.isQuietAround(inode);
    const directIo = file.writes && !this.parts.sharedMmap;
    const keepCache = !file.writes && pages.mayKeep(inode, fd);
    // What is opened again and again is worth finding out whether that can wait.
    if (keepCache) unwritten?.prove(inode);
    return { file, keepCache, directIo, shared, refresh };
  }

  private file(
    inode: Inode,
    descriptor: Descriptor,
    flags: number,
    isWaitedFor: boolean,
  ): LiveFile {
    const { table, freeze, observed, unwritten, deferred, lockDescriptors } = this.parts;
    const { task } = inode;
    const state = table.open(inode);
    return new LiveFile(inode, state, descriptor, flags, {
      lockDescriptors,
      assertOpen: () => freeze.assertOpen(task),
      changed: ({ fd }) => observed?.noteOwn(inode, IN.MODIFY, () => statFd(fd)),
      isWritten: ({ fd }) => !unwritten?.isProven(inode) && isOpenForWriting(fd),
      closed: (file) => {
        const { writes, openFd, pathFd } = file;
        if (openFd === undefined) deferred.delete(file);
        if (openFd === undefined || writes || !unwritten) closeSync(pathFd);
        else unwritten.close(inode, openFd);
        if (writes) observed?.noteOwnClose(inode);
        if (isWaitedFor) freeze.leave(task);
        if (state.files.size === 0) table.closed(inode);
      },
    });
  }

  /** Whether sealing leaves an open file out, as an editor's. */
  private isLeftOut({ task, name }: Inode, fd: number): boolean {
    return isMarked(fd, name) && !this.parts.records.find(task)?.keepEditorFiles;
  }

  /** Whether changes of the inode are reported, and none came for a while. */
  private isQuietAround({ parent }: Inode): boolean {
    return parent !== undefined && (this.parts.leases?.isQuiet(parent) ?? false);
  }
}
