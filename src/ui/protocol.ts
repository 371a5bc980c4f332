import type { FileView } from '../file-view.ts';

/**
 * What the page and its server say to each other, as JSON. Both sides import these types; no code
 * enters.
 *
 * A `FileRef` names a file within its task: the raw bytes of its path, each that is not a letter,
 * a digit or one of `-._~/` as `%XX`. So names that are not UTF-8 come back as they were, and a
 * reference can be put into an address as it is. The top is the empty text.
 */
export type FileRef = string;

/** One task of the list. Times are ISO 8601, UTC; null until they happened. */
export interface TaskRow {
  readonly task: string;
  readonly status: 'queued' | 'running' | 'completed' | 'failed' | 'cancelled';
  readonly artifacts: 'live' | 'sealing' | 'sealed' | 'kept';
  /** The status in words, `failed (exit code 2)`. */
  readonly words: string;
  /** Why it is as it is, and what to do where it needs somebody; null: nothing to say. */
  readonly reason: string | null;
  readonly paused: boolean;
  readonly pinned: boolean;
  readonly exitCode: number | null;
  /** As one would type it in a shell. */
  readonly command: string;
  readonly createdAt: string;
  readonly startedAt: string | null;
  readonly endedAt: string | null;
  readonly sealedAt: string | null;
  /** Bytes and number of its files; null while they are not known. */
  readonly bytes: number | null;
  readonly files: number | null;
}

/** One file of a task's tree. */
export interface TreeEntry {
  readonly ref: FileRef;
  /** The last part for people, where `ref` does not say it as it is. */
  readonly name?: string;
  readonly kind: 'file' | 'directory' | 'symlink' | 'special';
  /** Bytes. */
  readonly size: number;
  /** Milliseconds since the epoch. */
  readonly mtime: number;
}

/** An event of the stream, by its name. */
export interface StreamEvents {
  /** Tasks that came or changed since a version, and those that went. */
  readonly tasks: {
    readonly version: number;
    readonly changed: readonly TaskRow[];
    readonly gone: readonly string[];
    /** All whose record is damaged, or of a newer taskfs. */
    readonly unreadable: readonly string[];
  };
  /** All files of the task that the stream was opened for. */
  readonly tree: { readonly entries: readonly TreeEntry[] };
  /** What happened to them since, in an order that can be replayed. */
  readonly changes: { readonly put: readonly TreeEntry[]; readonly removed: readonly FileRef[] };
  /** Bytes that the task has printed. */
  readonly log: { readonly size: number };
  /** Something that its user should know, such as why a tree cannot be seen. */
  readonly note: { readonly message: string };
}

/** What is known of one file before it is shown. */
export interface FileFacts {
  readonly ref: FileRef;
  /** The whole path for people. */
  readonly path: string;
  readonly type: string;
  readonly mime: string;
  readonly view: FileView | 'none';
  readonly isText: boolean;
  readonly size: number;
  /** Permission bits in octal. */
  readonly mode: string;
  /** Milliseconds since the epoch. */
  readonly mtime: number;
  /** Where a symlink points, for people. */
  readonly target: string | null;
  /** Whether it can be edited: the task is live. */
  readonly isLive: boolean;
}

/** What the page has to know of its server; the answer to the exchange of its token. */
export interface ServerFacts {
  readonly store: string;
  /** Where files are served, apart from the page; `/TICKET/TASK/FILE` is added. */
  readonly filesOrigin: string;
  readonly hasThumbnails: boolean;
}

/** What became of an edit or an upload. */
export type SaveResult =
  | { readonly kind: 'unchanged' | 'written' }
  /** It was not put where it was meant to go: where it is instead, and why. */
  | { readonly kind: 'kept'; readonly where: string; readonly why: string };

/** The body of every answer that refuses. */
export interface Refusal {
  readonly error: string;
  readonly hint: string | null;
}
