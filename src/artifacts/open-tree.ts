import { existsSync } from 'node:fs';
import type { ArchiveReader } from '../archive/index.ts';
import { reasonOf, TaskfsError } from '../errors.ts';
import {
  findStaging,
  noSuchArtifact,
  pinInStaging,
  readRecord,
  type Store,
  type TaskName,
  taskPaths,
} from '../store/index.ts';
import { openArchiveTree } from './archive-tree.ts';
import type { ArtifactTree } from './artifact.ts';
import { type DiskErrors, diskNode } from './disk-node.ts';

/** Finds the age identities for an archive; called only where there is one to open. */
export type FindIdentities = () => Promise<readonly string[]>;

/**
 * Opens a task's tree where it is now: the archive once that is committed, staging until then.
 * Throws `not-found`, `wrong-key` where no identity opens the archive, `damaged`.
 */
export async function openTree(
  store: Store,
  task: TaskName,
  findIdentities: FindIdentities,
): Promise<ArtifactTree> {
  const place = placeOf(store, task);
  if (place === 'archive')
    return openArchiveTree(task, await openArchiveOf(store, task, findIdentities));
  return openStagingTree(store, task);
}

/**
 * Where a task's files are now. Throws `not-found` where there is no such task, `damaged` where
 * they are nowhere.
 */
export function placeOf(store: Store, task: TaskName): 'archive' | 'staging' {
  const paths = taskPaths(store, task);
  const { archive } = paths;
  readRecord(paths.record, task);
  if (existsSync(archive)) return 'archive';
  if (findStaging(paths) !== undefined) return 'staging';
  // The commit may have happened between the two checks.
  if (existsSync(archive)) return 'archive';
  throw new TaskfsError('damaged', `the files of task ${task} are gone: no staging, no archive`, {
    hint: 'Somebody removed them from the store by hand.',
  });
}

/**
 * Unlocks and opens a task's committed archive, if it is genuine. Throws `wrong-key`, `damaged`.
 */
export async function openArchiveOf(
  store: Store,
  task: TaskName,
  findIdentities: FindIdentities,
): Promise<ArchiveReader> {
  const { archive } = taskPaths(store, task);
  const { openArchive, readGenuineSeal, unlockArchive } = await import('../archive/index.ts');
  const seal = readGenuineSeal(store, task);
  return openArchive(archive, await unlockArchive(archive, await findIdentities(), seal));
}

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
    `'${shown}' of task ${task} cannot be read: ${reasonOf(cause)}`,
    { cause },
  );
}
