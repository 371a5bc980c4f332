import { unlessNotFound } from '../errors.ts';
import type { ArtifactType } from '../store/index.ts';

/** One name in a task's tree and what it stands for; a symlink is itself. */
export interface Artifact {
  /** Raw bytes; empty for the top of the tree. */
  readonly name: Buffer;
  readonly type: ArtifactType;
  /** Permission bits, setuid, setgid and sticky: mode & 07777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes. */
  readonly size: number;
  readonly atimeNs: bigint;
  readonly mtimeNs: bigint;
  /** Where a symlink points, raw; null for all else. */
  readonly target: Buffer | null;
  /** The same for every name of one file; null where it has no other name. */
  readonly identity: string | null;
  /**
   * Something else is mounted there, which is not the task's: it is listed and not entered. Only
   * of live tasks.
   */
  readonly isMountPoint?: boolean;
}

/**
 * A name that was found, pinned: what it stands for stays the same, also where the task renames
 * it.
 */
export interface ArtifactNode extends Disposable {
  readonly artifact: Artifact;
  /** Which file it is, whatever it is named: the same for no other of the tree. */
  readonly key: string;
  /**
   * The directory that it is in now, newly opened; only of what `child` returned. Undefined where
   * it cannot be opened.
   */
  parent(): ArtifactNode | undefined;
  /** What is in a directory, in no order. A name that vanishes meanwhile is left out. */
  list(): Iterable<Artifact>;
  /** A name in this directory, itself: a symlink is not followed. Throws `not-found`. */
  child(name: Buffer): ArtifactNode;
  /** Reads from a regular file at an offset; 0 at its end. Throws `failed`, `damaged`. */
  read(into: Uint8Array, offset: number): number;
  /** The extents of a regular file that hold data, in order; holes lie between them. */
  data(): Iterable<{ readonly start: number; readonly length: number }>;
  /**
   * Its mode where access lists are not kept: the group bits are what the list grants the owning
   * group.
   */
  plainMode(): number;
  /** The user.* attributes of a file or directory. */
  xattrs(): readonly (readonly [name: Buffer, value: Buffer])[];
}

/**
 * A task's files, wherever they are: in staging while it runs, in the sealed archive afterwards.
 * Nothing leads out of it: not `..`, not an absolute path, not a link.
 */
export interface ArtifactTree extends Disposable {
  /** Where the files are read from. */
  readonly source: 'staging' | 'archive';
  /**
   * Finds a path from the top; the empty path is the top. Links inside of the tree are followed,
   * the last part only with `follow`. Throws `usage` where it leads out, `not-found`, `failed`.
   */
  find(path: Uint8Array | string, lastLink: 'follow' | 'keep'): ArtifactNode;
}

/** A path and a name, or a path, below it; the empty path is the top. */
export const joinPath = (path: Buffer, name: Buffer): Buffer =>
  path.length === 0 ? name : Buffer.concat([path, Buffer.from('/'), name]);

/** What a name stands for; undefined where it is gone, or not of that type by now. */
export function childOfType(
  parent: ArtifactNode,
  name: Buffer,
  type: ArtifactType,
): ArtifactNode | undefined {
  const child = unlessNotFound(() => parent.child(name));
  if (!child || child.artifact.type === type) return child;
  child[Symbol.dispose]();
  return undefined;
}
