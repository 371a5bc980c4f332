import { TaskfsError } from '../errors.ts';
import type { Store, TaskName } from '../store/index.ts';
import type { ArtifactTree } from './artifact.ts';
import { openTree } from './open-tree.ts';
import { walk } from './walk.ts';

/**
 * Bytes that the files below each directory hold, by the directory's path (its bytes, as Latin-1).
 * A file of several names counts once, at the first.
 */
export function sizesByDirectory(tree: ArtifactTree): Map<string, number> {
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
