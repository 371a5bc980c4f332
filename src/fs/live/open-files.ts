import { closeSync } from 'node:fs';
import { isOpenForWriting, statFd } from '../../sys/index.ts';
import { asksToWrite, type OpenedFile } from '../subtree.ts';
import type { TaskRecords } from '../task-records.ts';
import type { CacheLeases } from './cache-leases.ts';
import { isMarked } from './editor-files.ts';
import type { Freeze } from './freeze.ts';
import type { Inode } from './inode.ts';
import type { InodeTable } from './inode-table.ts';
import type { KeptPages } from './kept-pages.ts';
import { LiveFile } from './live-file.ts';
import type { ObservedDirectories } from './observed-directories.ts';
import type { UnwrittenFiles } from './unwritten-files.ts';

interface Parts {
  readonly table: InodeTable;
  readonly records: TaskRecords;
  readonly freeze: Freeze;
  readonly leases: CacheLeases | undefined;
  readonly observed: ObservedDirectories | undefined;
  readonly unwritten: UnwrittenFiles | undefined;
  readonly pages: KeptPages;
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
   * Takes over the descriptor of a file that was opened with `flags`. Within a change where it is
   * opened for writing: sealing then waits until it is closed.
   */
  opened(inode: Inode, fd: number, flags: number): OpenedFile {
    const { table, freeze, observed, unwritten, pages } = this.parts;
    const { task } = inode;
    const isWaitedFor = asksToWrite(flags) && !this.isLeftOut(inode, fd);
    if (isWaitedFor) freeze.join(task);
    const state = table.open(inode);
    const file = new LiveFile(inode, state, fd, flags, {
      assertOpen: () => freeze.assertOpen(task),
      changed: ({ fd }) => observed?.noteOwn(inode, () => statFd(fd)),
      isWritten: () => !unwritten?.isProven(inode) && isOpenForWriting(fd),
      closed: ({ writes }) => {
        if (writes || !unwritten) closeSync(fd);
        else unwritten.close(inode, fd);
        if (writes) observed?.noteOwnClose(inode);
        if (isWaitedFor) freeze.leave(task);
        if (state.files.size === 0) table.closed(inode);
      },
    });
    const shared = state.files.size > 1;
    const refresh = !this.isQuietAround(inode);
    const directIo = file.writes && !this.parts.sharedMmap;
    const keepCache = !file.writes && pages.mayKeep(inode, fd);
    return { file, keepCache, directIo, shared, refresh };
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
