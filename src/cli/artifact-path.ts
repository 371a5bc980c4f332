import { openTree, placeOf } from '../artifacts/index.ts';
import { TaskfsError } from '../errors.ts';
import { findMount, pathInMount } from '../mount/index.ts';
import { parseArtifactPath, type Store, stagingPath, type TaskName } from '../store/index.ts';
import { findIdentities, type IdentityOptions } from './identity-options.ts';

/**
 * A path by which other programs reach a task's file, in a mount of the store: it shows the file
 * for as long as there is one, and sealing waits for who writes there. Throws `usage` where the
 * path leads out, `not-found`, and `failed` where no mount is there.
 */
export async function mountedPath(
  store: Store,
  task: TaskName,
  path: Buffer,
  options: IdentityOptions,
): Promise<Buffer> {
  const found = await findMounted(store, task, path, options);
  if (found) return found;
  const state = placeOf(store, task) === 'archive' ? 'sealed' : 'live';
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
  if (placeOf(store, task) === 'archive') return mountedPath(store, task, path, options);
  return (await findMounted(store, task, path, options)) ?? stagingPath(store, task, path);
}

async function findMounted(
  store: Store,
  task: TaskName,
  path: Buffer,
  options: IdentityOptions,
): Promise<Buffer | undefined> {
  const relative = parseArtifactPath(task, path);
  const mount = await findMount(store.path);
  if (!mount) return undefined;
  const place = placeOf(store, task);
  if (place === 'staging') stagingPath(store, task, path);
  else {
    using tree = await openTree(store, task, () => findIdentities(store, options));
    tree.find(path, 'follow')[Symbol.dispose]();
  }
  return pathInMount(mount, place === 'staging' ? 'live' : 'archive', task, relative);
}
