import { lstatSync } from 'node:fs';
import { TaskfsError } from '../errors.ts';
import { type Artifacts, type Store, type TaskName, taskPaths } from '../store/index.ts';
import type { ArtifactTree } from './artifact.ts';
import { openTree } from './open-tree.ts';
import { walk } from './walk.ts';

/** What a task takes, in bytes. */
export interface TaskSizes {
  readonly task: TaskName;
  readonly total: number;
  /** Its archive on disk, encrypted. */
  readonly sealed: number;
  /** Its files that are not sealed yet. */
  readonly live: number;
  readonly log: number;
}

/** What each task takes, the largest first. */
export async function sizesOfTasks(
  store: Store,
  tasks: readonly { readonly task: TaskName; readonly artifacts: Artifacts }[],
): Promise<TaskSizes[]> {
  const { archiveSize } = await import('../archive/index.ts');
  const sizes = await Promise.all(
    tasks.map(async ({ task, artifacts }) => {
      const sealed = archiveSize(store, task);
      const live = artifacts === 'sealed' ? 0 : await liveSize(store, task);
      const log = lstatSync(taskPaths(store, task).log, { throwIfNoEntry: false })?.size ?? 0;
      return { task, total: sealed + live + log, sealed, live, log };
    }),
  );
  return sizes.sort((a, b) => b.total - a.total);
}

/** What a directory of a task holds, with all below it. */
export interface DirectorySize {
  /** From the top of the task's files, which is empty. */
  readonly path: Buffer;
  readonly bytes: number;
}

/** What each directory of a task holds, the largest first. */
export function sizesOfDirectories(tree: ArtifactTree): DirectorySize[] {
  return [...sizesByDirectory(tree)]
    .map(([path, bytes]) => ({ path: Buffer.from(path, 'latin1'), bytes }))
    .sort((a, b) => b.bytes - a.bytes || Buffer.compare(a.path, b.path));
}

/**
 * Bytes that the files below each directory hold, by the directory's path (its bytes, as Latin-1).
 * A file of several names counts once, at the first.
 */
function sizesByDirectory(tree: ArtifactTree): Map<string, number> {
  using top = tree.find('', 'keep');
  const sizes = new Map([['', 0]]);
  const counted = new Set<string>();
  for (const step of walk(top)) {
    if (step.type === 'leave') continue;
    const { type, size, identity } = step.artifact;
    const path = step.path.toString('latin1');
    if (type === 'directory') sizes.set(path, 0);
    if (type !== 'file' || (identity !== null && counted.has(identity))) continue;
    if (identity !== null) counted.add(identity);
    for (const above of directoriesAbove(path)) sizes.set(above, (sizes.get(above) ?? 0) + size);
  }
  return sizes;
}

function* directoriesAbove(path: string): Generator<string> {
  for (let at = path.lastIndexOf('/'); at >= 0; at = path.lastIndexOf('/', at - 1)) {
    yield path.slice(0, at);
  }
  yield '';
}

/** Bytes that the files of a live task hold; 0 where they are sealed or removed meanwhile. */
export async function liveSize(store: Store, task: TaskName): Promise<number> {
  try {
    using tree = await openTree(store, task, async () => []);
    return sizesByDirectory(tree).get('') ?? 0;
  } catch (error) {
    if (error instanceof TaskfsError) return 0;
    throw error;
  }
}
