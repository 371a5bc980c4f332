import { isUtf8 } from 'node:buffer';
import { createHash, type Hash } from 'node:crypto';
import type { TaskName } from '../../store/index.ts';
import type { Extent } from '../../tar/index.ts';
import { type Finding, finding } from '../finding.ts';
import { type IndexEntry, storedLength } from '../index/entry.ts';
import type { IndexReader } from '../index/reader.ts';
import { FILES } from '../paths.ts';

/** Why a file is not what was sealed. */
export type ContentProblem =
  /** A chunk that it lies in does not decrypt. */
  | 'damaged-chunk'
  /** It decrypts, to something else than what the index says. */
  | 'other-content'
  /** The tar ends before it does. */
  | 'missing';

/** A file of the tar, as far as its content is concerned. */
export type Content = Pick<IndexEntry, 'offset' | 'extents' | 'size' | 'sha256'>;

/** Bytes of a file that are lost. */
export interface Lost extends Extent {
  /**
   * Where the first chunk that it concerns begins in the encrypted file; undefined beyond its end.
   */
  readonly at: number | undefined;
}

/** Called for each extent that is lost; without one where all is, or it is not known which. */
export type OnProblem<C> = (file: C, problem: ContentProblem, lost?: Lost) => void;

interface Current<C> {
  readonly file: C;
  readonly start: number;
  readonly end: number;
  readonly hash: Hash;
  /** Extents of the stored bytes. */
  readonly damaged: Lost[];
}

/**
 * Compares the plaintext of a tar, as it streams by, with what is known of its files. Those must
 * come in the order of the tar: one is checked at a time.
 */
export class ContentCheck<C extends Content> {
  /** Files found whole. */
  files = 0;
  private readonly entries: Iterator<C>;
  private readonly report: OnProblem<C>;
  private position: number;
  private current: Current<C> | undefined;

  /** `position`: where in the tar the stream begins. */
  constructor(entries: Iterator<C>, report: OnProblem<C>, position = 0) {
    this.entries = entries;
    this.report = report;
    this.position = position;
    this.advance();
  }

  /**
   * Takes the next bytes of the tar; undefined for damaged ones. `at`: where they are in the
   * encrypted file.
   */
  take(length: number, plain: Buffer | undefined, at?: number): void {
    const start = this.position;
    this.position += length;
    this.skipEmpty();
    while (this.current && this.current.start < this.position) {
      const { hash, damaged, start: first, end } = this.current;
      const from = Math.max(first, start);
      const to = Math.min(end, this.position);
      if (plain) hash.update(plain.subarray(from - start, to - start));
      else addExtent(damaged, { start: from - first, length: to - from, at });
      if (end > this.position) return;
      this.finish(this.current);
      this.skipEmpty();
    }
  }

  /** Ends the tar: what has not come is missing. */
  end(): void {
    this.skipEmpty();
    for (; this.current; this.advance()) {
      const { file, start, end, damaged } = this.current;
      const from = Math.max(this.position, start);
      const rest = { start: from - start, length: end - from, at: undefined };
      this.reportLost(file, 'damaged-chunk', damaged);
      this.reportLost(file, 'missing', [rest]);
    }
  }

  private skipEmpty(): void {
    while (this.current && this.current.end <= this.position && isEmpty(this.current)) {
      this.finish(this.current);
    }
  }

  private finish({ file, hash, damaged }: Current<C>): void {
    if (damaged.length > 0) this.reportLost(file, 'damaged-chunk', damaged);
    else if (file.sha256 && hash.digest('hex') !== file.sha256) this.report(file, 'other-content');
    else this.files++;
    this.advance();
  }

  private reportLost(file: C, problem: ContentProblem, stored: readonly Lost[]): void {
    for (const lost of stored) {
      const parts = inFile(file, lost);
      for (const part of parts) this.report(file, problem, part);
      if (parts.length === 0) this.report(file, problem);
    }
  }

  private advance(): void {
    const { value: file } = this.entries.next() as { value: C | undefined };
    const start = file?.offset ?? 0;
    const hash = createHash('sha256');
    this.current = file && { file, start, end: start + storedLength(file), hash, damaged: [] };
  }
}

const isEmpty = ({ start, end }: { readonly start: number; readonly end: number }): boolean =>
  start === end;

/** Adds an extent; adjacent ones become one. */
function addExtent(damaged: Lost[], lost: Lost): void {
  const last = damaged.at(-1);
  if (!last || last.start + last.length !== lost.start) damaged.push(lost);
  else damaged[damaged.length - 1] = { ...last, length: last.length + lost.length };
}

/** Where stored bytes lie in a file that may have holes. */
function inFile({ extents }: Content, { start, length, at }: Lost): Lost[] {
  if (!extents) return [{ start, length, at }];
  const parts: Lost[] = [];
  let stored = 0;
  for (const extent of extents) {
    const from = Math.max(start, stored);
    const to = Math.min(start + length, stored + extent.length);
    if (from < to) parts.push({ start: extent.start + from - stored, length: to - from, at });
    stored += extent.length;
  }
  return parts;
}

/** Every regular file by its first name, in the order of the tar. */
export function* filesInOrder(index: IndexReader, size: number): Generator<IndexEntry> {
  for (let at = 0; at < size; ) {
    const { decoded, next } = index.line(at);
    at = next;
    if (!('link' in decoded) && decoded.type === 'file') yield decoded;
  }
}

const PROBLEMS: Readonly<Record<ContentProblem, string>> = {
  'damaged-chunk': 'a chunk is damaged',
  'other-content': 'the content is not that of its sha256',
  missing: 'the tar ends too early',
};

/** The finding that an artifact, or an extent of it, is lost. `path`: raw, from the top. */
export function lossOf(
  task: TaskName,
  path: Buffer,
  problem: ContentProblem,
  lost: Lost | undefined,
): Finding {
  const range = lost ? { start: lost.start, length: lost.length } : null;
  const text = path.toString();
  const what = range
    ? `bytes ${range.start} to ${range.start + range.length - 1} of '${text}' of task ` +
      `${task} are lost`
    : `'${text}' of task ${task} is lost`;
  return finding(
    task,
    problem === 'missing' ? 'truncated' : 'damaged',
    `${what}: ${PROBLEMS[problem]}`,
    {
      file: FILES.artifacts,
      offset: lost?.at ?? null,
      path: text,
      range,
      ...(!isUtf8(path) && { pathBase64: path.toString('base64') }),
    },
  );
}
