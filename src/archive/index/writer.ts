import type { EncryptedWriter } from '../../age/index.ts';
import type { Extent } from '../../tar/index.ts';
import { encodeEntry, encodeLink } from './codec.ts';
import type { IndexEntry } from './entry.ts';

/** An entry that is not in the index yet. */
export type NewEntry = Omit<IndexEntry, 'position'>;

/** The directories whose lines wait for their own directory's section to begin. */
interface Level {
  readonly waiting: NewEntry[];
  /** How many of them are written. */
  written: number;
  /** Where the section began; undefined before. */
  start: number | undefined;
}

/**
 * Writes the index while the tree is walked. A directory's section begins once all directories in
 * it are complete, and then takes its lines in the order of their names: theirs, which waited, and
 * those of everything else, as it comes. So nothing is held but the waiting ones.
 */
export class IndexWriter {
  private readonly file: EncryptedWriter;
  private readonly levels: Level[] = [];

  constructor(file: EncryptedWriter) {
    this.file = file;
  }

  enter(): void {
    this.levels.push({ waiting: [], written: 0, start: undefined });
  }

  /** Adds what is no directory; returns the position of its line. */
  add(entry: NewEntry): number {
    this.writeWaiting(entry.name);
    return this.write(encodeEntry(entry));
  }

  /** Adds a further name of the file whose line begins at `position`. */
  addLink(name: Buffer, position: number): void {
    this.writeWaiting(name);
    this.write(encodeLink(name, position));
  }

  /** Ends a directory; its line waits for its parent's section, or is the last one of all. */
  leave(directory: Omit<NewEntry, 'section'>): void {
    this.writeWaiting(undefined);
    const start = this.levels.pop()?.start ?? this.file.position;
    const section: Extent = { start, length: this.file.position - start };
    const entry: NewEntry = { ...directory, section };
    const parent = this.levels.at(-1);
    if (parent) parent.waiting.push(entry);
    else this.write(encodeEntry(entry));
  }

  /** Begins the section if need be, and writes the waiting directories that sort before a name. */
  private writeWaiting(before: Buffer | undefined): void {
    const level = this.levels.at(-1);
    if (!level) return;
    level.start ??= this.file.position;
    for (;;) {
      const next = level.waiting[level.written];
      if (!next || (before && Buffer.compare(next.name, before) > 0)) return;
      level.written++;
      this.write(encodeEntry(next));
    }
  }

  private write(line: string): number {
    const { position } = this.file;
    this.file.writeText(line);
    return position;
  }
}
