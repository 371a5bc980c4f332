import { reasonOf, TaskfsError } from '../errors.ts';
import type { ArtifactNode } from './artifact.ts';
import { openExportTarget } from './copy-target.ts';
import { attributesOf, type Copied, type CopyOptions, TreeCopy } from './tree-copy.ts';
import { markUnfinished } from './unfinished.ts';

export type ExportOptions = Pick<CopyOptions, 'keepSetId'>;

/**
 * Copies a task's tree into a directory that is new or empty: content, holes, symbolic links as
 * links, hard links, user attributes, modes and times; owners too where the caller is root. A
 * directory that is there already stays as it is itself; nobody else enters it before all is done.
 * A file gets its name once it is whole; as long as anything is missing, a file in the directory
 * marks that. Links are never followed, on either side; only what is a regular file by then is
 * opened. Throws `usage` where the directory is not empty, `failed` where it cannot be written.
 */
export function exportTree(
  top: ArtifactNode,
  directory: string | Buffer,
  options: ExportOptions = {},
): Copied {
  using target = openExportTarget(directory);
  const copy = new TreeCopy(target, options);
  try {
    fillMarked(copy, target.root, top);
    if (target.isNew) copy.finish(target.root, attributesOf(top), Buffer.alloc(0));
  } catch (cause) {
    if (cause instanceof TaskfsError) throw cause;
    throw new TaskfsError('failed', `cannot write into ${directory}: ${reasonOf(cause)}`, {
      hint: 'What was copied so far is there. Export again into a new directory.',
      cause,
    });
  }
  return copy;
}

/** The mark goes before the directory gets its times. */
function fillMarked(copy: TreeCopy, directory: number, top: ArtifactNode): void {
  using _ = markUnfinished(directory);
  copy.fill(top);
}
