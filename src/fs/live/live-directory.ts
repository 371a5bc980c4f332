import { closeSync, constants, fsyncSync } from 'node:fs';
import { type Dirent, readDirents, seek } from '../../sys/index.ts';
import type { DirectoryEntry } from '../filesystem.ts';
import type { OpenDirectory } from '../room.ts';
import { reopen } from './live-file.ts';

const SEEK_SET = 0;

/** A live directory opened for listing. Cookies are the staging file system's own positions. */
export class LiveDirectory implements OpenDirectory {
  readonly fd: number;
  private readonly assertThere: () => void;
  private batch: readonly Dirent[] = [];
  private next = 0;
  /** The cookie at which `next` stands. */
  private position = 0n;

  /**
   * `directory` is a descriptor, O_PATH ones included, of the directory: it is opened through that,
   * and not as its own `.`, which would want the right to search it. `assertThere` throws where it
   * is being removed: it has its say after each reading, so that no listing shows what is left by then.
   */
  constructor(directory: number, assertThere: () => void) {
    this.assertThere = assertThere;
    this.fd = reopen(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  }

  read(cookie: bigint, add: (entry: DirectoryEntry) => boolean): void {
    if (cookie === 0n || cookie !== this.position) this.seek(cookie);
    for (let entry = this.peek(); entry; entry = this.peek()) {
      if (!add({ ...entry, cookie: entry.next })) return;
      this.next++;
      this.position = entry.next;
    }
  }

  private seek(cookie: bigint): void {
    seek(this.fd, cookie, SEEK_SET);
    this.batch = [];
    this.next = 0;
    this.position = cookie;
  }

  private peek(): Dirent | undefined {
    if (this.next === this.batch.length) {
      this.batch = this.readBatch();
      this.next = 0;
    }
    return this.batch[this.next];
  }

  private readBatch(): readonly Dirent[] {
    try {
      return readDirents(this.fd);
    } finally {
      this.assertThere();
    }
  }

  sync(): void {
    fsyncSync(this.fd);
  }

  close(): void {
    closeSync(this.fd);
  }
}
