import { openTree, placeOf } from '../artifacts/index.ts';
import { TaskfsError } from '../errors.ts';
import { findInMounts, type ShownFile } from '../mount/index.ts';
import { parseArtifactPath, type Store, stagingPath, type TaskName } from '../store/index.ts';
import { findIdentities, type IdentityOptions } from './identity-options.ts';

/**
 * A path by which other programs reach a task's file, in a mount of the store that shows the task:
 * it shows the file for as long as there is one, and sealing waits for who writes there.
 * `makeMount` is called where there is none yet. Throws `usage` where the path leads out,
 * `not-found`, and `failed` where no mount is there.
 */
export async function mountedPath(
  store: Store,
  task: TaskName,
  path: Buffer,
  options: IdentityOptions,
  makeMount: (store: Store) => Promise<void>,
): Promise<Buffer> {
  const file = await existingFile(store, task, path, options);
  const found = await findInMounts(store.path, file);
  if (found) return found;
  await makeMount(store);
  const made = await findInMounts(store.path, file);
  if (made) return made;
  throw notMounted(file);
}

/** The same, where mounts are there already; of a live task in staging where none shows it. */
export async function artifactPath(
  store: Store,
  task: TaskName,
  path: Buffer,
  options: IdentityOptions,
): Promise<Buffer> {
  const file = await existingFile(store, task, path, options);
  const found = await findInMounts(store.path, file);
  if (found) return found;
  if (file.part === 'live') return stagingPath(store, task, path);
  throw notMounted(file);
}

async function existingFile(
  store: Store,
  task: TaskName,
  path: Buffer,
  options: IdentityOptions,
): Promise<ShownFile> {
  const relative = parseArtifactPath(task, path);
  const part = placeOf(store, task) === 'staging' ? 'live' : 'archive';
  if (part === 'live') stagingPath(store, task, path);
  else {
    using tree = await openTree(store, task, () => findIdentities(store, options));
    tree.find(path, 'follow')[Symbol.dispose]();
  }
  return { part, task, path: relative };
}

function notMounted({ part, task }: ShownFile): TaskfsError {
  const state = part === 'live' ? 'live' : 'sealed';
  return new TaskfsError('failed', `task ${task} is ${state}, and no mount shows its files`, {
    hint: "Mount the store ('taskfs mount DIR'), or use 'taskfs cat' or 'taskfs export'.",
  });
}
