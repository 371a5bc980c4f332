import type { Artifact } from '../artifacts/index.ts';
import type { ArtifactType } from '../store/index.ts';

/** What is known of one file or directory of a task. */
export interface ArtifactInfo {
  /** From the top of the task's files; bytes that are not UTF-8 show as U+FFFD. */
  readonly path: string;
  /** The path as it is on disk; every function that takes a path takes this one too. */
  readonly rawPath: Uint8Array;
  readonly type: ArtifactType;
  /** Bytes. */
  readonly size: number;
  /** Permission bits: mode & 0o7777. */
  readonly mode: number;
  readonly mtime: Date;
}

export function artifactInfo(rawPath: Buffer, artifact: Artifact): ArtifactInfo {
  const { type, size, mode, mtimeNs } = artifact;
  const mtime = new Date(Number(mtimeNs / 1_000_000n));
  return { path: rawPath.toString(), rawPath, type, size, mode, mtime };
}
