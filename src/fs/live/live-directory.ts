import { closeSync, constants, fsyncSync } from 'node:fs';
import { unlessRefused } from '../../errno.ts';
import { DirentBlock, openAt, reopen, seek } from '../../sys/index.ts';
import type { DirectoryEntry } from '../file-system.ts';
import type { OpenDirectory } from '../subtree.ts';

const SEEK_SET = 0;
const NOWHERE = -1n;

/** Serves all readings in turn: what one leaves over is copied. */
const block = new DirentBlock();

/** A live directory opened for listing. Cookies are the staging file system's own positions. */
export class LiveDirectory implements OpenDirectory {
  readonly fd: number;
  private readonly assertThere: () => void;
  /** What is left of the entries that were read. */
  private rest: DirentBlock | undefined;
  /** The cookie at which `rest` begins, or else the descriptor stands. */
  private position = 0n;

  /**
   * `directory` is a descriptor, O_PATH ones included, of the directory. `assertThere` throws where
   * it is being removed: it has its say after each reading, so that no listing shows what is left
   * by then.
   */
  constructor(directory: number, assertThere: () => void) {
    this.assertThere = assertThere;
    this.fd = openListing(directory);
  }

  readdir(cookie: bigint, add: (entry: DirectoryEntry) => boolean): void {
    if (cookie === 0n || cookie !== this.position) this.seek(cookie);
    let entries = this.rest ?? this.fill();
    let position = cookie;
    // Whatever throws on the way, the next reading seeks its place again.
    this.rest = undefined;
    this.position = NOWHERE;
    while (!entries.isOver) {
      if (!add(entries)) {
        this.rest = entries.rest();
        break;
      }
      position = entries.cookie;
      entries.skip();
      if (entries.isOver) entries = this.fill();
    }
    this.position = position;
  }

  private seek(cookie: bigint): void {
    seek(this.fd, cookie, SEEK_SET);
    this.rest = undefined;
  }

  private fill(): DirentBlock {
    try {
      block.fill(this.fd);
      return block;
    } finally {
      this.assertThere();
    }
  }

  fsyncdir(): void {
    fsyncSync(this.fd);
  }

  close(): void {
    closeSync(this.fd);
  }
}

/** As its own `.`, which takes half the time, a directory opens only for who may search it. */
function openListing(directory: number): number {
  const flags = constants.O_RDONLY | constants.O_DIRECTORY;
  return unlessRefused(() => openAt(directory, '.', flags)) ?? reopen(directory, flags);
}
