import type { ArchiveReader, IndexEntry } from '../../archive/index.ts';
import { Errno, errno } from '../../errno.ts';
import { messageOf } from '../../errors.ts';
import type { TaskName } from '../../store/index.ts';
import type { OpenFile } from '../subtree.ts';
import { report } from '../to-errno.ts';
import { seekContent } from './content-seek.ts';

/** An open file of an archive: decrypted as it is read. */
export class ArchivedFile implements OpenFile {
  private readonly task: TaskName;
  private readonly entry: IndexEntry;
  private readonly reader: ArchiveReader;
  readonly close: () => void;

  constructor(task: TaskName, entry: IndexEntry, reader: ArchiveReader, release: () => void) {
    this.task = task;
    this.entry = entry;
    this.reader = reader;
    this.close = release;
  }

  lseek(offset: bigint, whence: number): bigint {
    return seekContent(this.entry, offset, whence);
  }

  /**
   * Damage costs the files that lie in it, and no other: EIO, and a line that says where. It stays when
   * the mount has gone, and so names no file: names are as secret as what is in them.
   */
  read(into: Uint8Array, offset: number): number {
    try {
      return this.reader.read(this.entry, into, offset);
    } catch (error) {
      report(
        `task ${this.task}: a file cannot be read at its byte ${offset}: ${messageOf(error)}. ` +
          `'taskfs verify --deep ${this.task}' names what is lost`,
      );
      throw Errno.of(errno.EIO);
    }
  }
}
