import { messageOf, type TaskName } from '../../store/index.ts';
import type { ArchiveReader, IndexEntry } from '../../store/seal/reader.ts';
import { Errno, errno } from '../../sys/index.ts';
import { report } from '../report.ts';
import type { OpenFile } from '../room.ts';
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

  seek(offset: bigint, whence: number): bigint {
    return seekContent(this.entry, offset, whence);
  }

  /** Damage costs the files that lie in it, and no other: EIO, and a line that says where. */
  read(into: Uint8Array, offset: number): number {
    try {
      return this.reader.read(this.entry, into, offset);
    } catch (error) {
      const name = JSON.stringify(this.entry.name.toString());
      report(`task ${this.task}: ${name} cannot be read at byte ${offset}: ${messageOf(error)}`);
      throw Errno.of(errno.EIO);
    }
  }
}
