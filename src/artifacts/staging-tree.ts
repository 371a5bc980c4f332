import { messageOf, TaskfsError } from '../errors.ts';
import { noSuchArtifact, pinInStaging, type Store, type TaskName } from '../store/index.ts';
import type { ArtifactTree } from './artifact.ts';
import { type DiskErrors, diskNode } from './disk-node.ts';

/** The files of a live task, read from its staging directory while the task may change them. */
export function openStagingTree(store: Store, task: TaskName): ArtifactTree {
  const errors: DiskErrors = {
    missing: (path) => noSuchArtifact(task, path),
    unreadable: (path, cause) => unreadable(task, path, cause),
  };
  return {
    source: 'staging',
    find: (path, lastLink) =>
      diskNode(pinInStaging(store, task, path, lastLink), Buffer.from(path), errors),
    [Symbol.dispose]: () => {},
  };
}

function unreadable(task: TaskName, path: Buffer, cause: unknown): TaskfsError {
  const shown = JSON.stringify(path.toString()).slice(1, -1);
  return new TaskfsError(
    'failed',
    `'${shown}' of task ${task} cannot be read: ${messageOf(cause)}`,
    { cause },
  );
}
