import { AT, fileSystemOf, isSurelyUnwritten, statAt, statFd } from '../../sys/index.ts';
import type { Inode } from './inode.ts';
import type { InodeTable } from './inode-table.ts';

/**
 * File systems on which the first store through a mapping changes ctime at once. On tmpfs it never
 * does, and of others it is not known.
 */
const DATED: ReadonlySet<string> = new Set(['ext4', 'xfs', 'btrfs', 'f2fs']);

/**
 * A younger ctime (milliseconds) may stand for one more change: some file systems count seconds,
 * and the clock that files are stamped with lags a little.
 */
const SETTLED_MS = 2000;

/**
 * Tells whether the pages that the kernel keeps of a file are still what lies beneath, so that
 * opening it again need not drop them. A file has not changed while its ctime is the same, with
 * one exception: whoever has it mapped to be written may store at any time, and only the first
 * store shows. So nobody may have it open for writing, neither now nor when its pages were read;
 * who did in between had to write, or to store for a first time.
 */
export class KeptPages {
  private readonly table: InodeTable;
  /** The device of the file system that has them all; undefined where it is of no use. */
  private readonly dev: bigint | undefined;

  /** `staging`: the directory that all files lie in. */
  constructor(table: InodeTable, staging: string) {
    this.table = table;
    const isDated = DATED.has(fileSystemOf(staging).type);
    this.dev = isDated ? statAt(AT.FDCWD, staging).dev : undefined;
  }

  /**
   * Whether the kernel may keep its pages of a file that was just opened, only to be read, as `fd`.
   * If not, it reads them anew, and the next open asks about those.
   */
  mayKeep(inode: Inode, fd: number): boolean {
    if (inode.dev !== this.dev) return false;
    const ctimeNs = isSurelyUnwritten(fd) ? statFd(fd).ctimeNs : undefined;
    if (ctimeNs !== undefined && this.table.pagesOf(inode) === ctimeNs) return true;
    this.table.setPages(inode, isSettled(ctimeNs) ? ctimeNs : undefined);
    return false;
  }
}

const isSettled = (ctimeNs: bigint | undefined): boolean =>
  ctimeNs !== undefined && Date.now() - Number(ctimeNs / 1_000_000n) > SETTLED_MS;
