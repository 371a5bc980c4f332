import { createHash, type Hash } from 'node:crypto';
import type { IndexEntry } from './index-entry.ts';
import type { IndexReader } from './index-reader.ts';

/** Why a file is not what was sealed. */
export type ContentProblem =
  /** A chunk that it lies in does not decrypt. */
  | 'damaged-chunk'
  /** It decrypts, to something else than what the index says. */
  | 'other-content'
  /** The tar ends before it does. */
  | 'missing';

interface Current {
  readonly entry: IndexEntry;
  readonly end: number;
  readonly hash: Hash;
  damaged: boolean;
}

/**
 * Compares the plaintext of a tar, as it streams by, with the hashes in the index. Files stand in
 * both in the same order, so one file is looked at at a time.
 */
export class ContentCheck {
  /** Files found whole. */
  files = 0;
  private readonly entries: Generator<IndexEntry>;
  private readonly report: (entry: IndexEntry, problem: ContentProblem) => void;
  private position = 0;
  private current: Current | undefined;

  constructor(
    index: IndexReader,
    indexSize: number,
    report: (entry: IndexEntry, problem: ContentProblem) => void,
  ) {
    this.entries = filesInOrder(index, indexSize);
    this.report = report;
    this.advance();
  }

  /** Takes the next stretch of the tar; undefined bytes are damaged ones. */
  take(length: number, plain: Buffer | undefined): void {
    const start = this.position;
    this.position += length;
    this.skipEmpty();
    while (this.current && (this.current.entry.offset ?? 0) < this.position) {
      const { entry, end, hash } = this.current;
      const from = Math.max(entry.offset ?? 0, start);
      const to = Math.min(end, this.position);
      if (plain) hash.update(plain.subarray(from - start, to - start));
      else this.current.damaged = true;
      if (end > this.position) return;
      this.finish(this.current);
      this.skipEmpty();
    }
  }

  /** The tar is over: what has not come by is missing. */
  end(): void {
    this.skipEmpty();
    for (; this.current; this.advance()) this.report(this.current.entry, 'missing');
  }

  private skipEmpty(): void {
    while (this.current && this.current.end <= this.position && this.isEmpty(this.current)) {
      this.finish(this.current);
    }
  }

  private isEmpty({ entry, end }: Current): boolean {
    return end === entry.offset;
  }

  private finish({ entry, hash, damaged }: Current): void {
    if (damaged) this.report(entry, 'damaged-chunk');
    else if (entry.sha256 && hash.digest('hex') !== entry.sha256)
      this.report(entry, 'other-content');
    else this.files++;
    this.advance();
  }

  private advance(): void {
    const { value: entry } = this.entries.next() as { value: IndexEntry | undefined };
    this.current = entry && {
      entry,
      end: (entry.offset ?? 0) + storedLength(entry),
      hash: createHash('sha256'),
      damaged: false,
    };
  }
}

const storedLength = ({ extents, size }: IndexEntry): number =>
  extents ? extents.reduce((sum, { length }) => sum + length, 0) : size;

/** Every regular file by its first name, in the order of the tar. */
function* filesInOrder(index: IndexReader, size: number): Generator<IndexEntry> {
  for (let at = 0; at < size; ) {
    const { decoded, next } = index.line(at);
    at = next;
    if (!('link' in decoded) && decoded.type === 'file') yield decoded;
  }
}
