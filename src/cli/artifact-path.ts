import { openTree, placeOf } from '../artifacts/index.ts';
import { TaskfsError } from '../errors.ts';
import { findMount, pathInMount, type TaskfsMount } from '../mount/index.ts';
import { parseArtifactPath, type Store, stagingPath, type TaskName } from '../store/index.ts';
import { findIdentities, type IdentityOptions } from './identity-options.ts';

/**
 * A path by which other programs reach a task's file, in a mount of the store: it shows the file
 * for as long as there is one, and sealing waits for who writes there. `mount` makes a mount where
 * there is none. Throws `usage` where the path leads out, `not-found`, and `failed` where no mount
 * is there.
 */
export async function mountedPath(
  store: Store,
  task: TaskName,
  path: Buffer,
  options: IdentityOptions,
  mount: (store: Store) => Promise<TaskfsMount | undefined> = ({ path }) => findMount(path),
): Promise<Buffer> {
  const relative = parseArtifactPath(task, path);
  const isLive = placeOf(store, task) === 'staging';
  if (isLive) stagingPath(store, task, path);
  else {
    using tree = await openTree(store, task, () => findIdentities(store, options));
    tree.find(path, 'follow')[Symbol.dispose]();
  }
  const found = await mount(store);
  if (found) return pathInMount(found, isLive ? 'live' : 'archive', task, relative);
  const state = isLive ? 'live' : 'sealed';
  throw new TaskfsError('failed', `task ${task} is ${state}, and no mount shows its files`, {
    hint: "Mount the store ('taskfs mount DIR'), or use 'taskfs cat' or 'taskfs export'.",
  });
}

/** The same; of a live task in staging where there is no mount. */
export async function artifactPath(
  store: Store,
  task: TaskName,
  path: Buffer,
  options: IdentityOptions,
): Promise<Buffer> {
  const isLive = placeOf(store, task) === 'staging';
  if (isLive && !(await findMount(store.path))) return stagingPath(store, task, path);
  return mountedPath(store, task, path, options);
}
