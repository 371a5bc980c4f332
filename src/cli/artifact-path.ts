import { join } from 'node:path';
import { taskfsMounts } from '../fs/mount/index.ts';
import { openTree, placeOf } from '../store/artifacts/index.ts';
import { type Store, TaskfsError, type TaskName } from '../store/index.ts';
import { parseArtifactPath, stagingPath } from '../store/staging.ts';
import { findIdentities, type IdentityOptions } from './identity-options.ts';

/**
 * A path by which other programs reach a task's file: in staging while the task is live, in a mount
 * of the store once it is sealed. Throws `usage` where it leads out, `not-found`, and `failed` where
 * the task is sealed and no mount is there.
 */
export async function artifactPath(
  store: Store,
  task: TaskName,
  path: Buffer,
  options: IdentityOptions,
): Promise<Buffer> {
  const relative = parseArtifactPath(task, path);
  if (placeOf(store, task) === 'staging') return stagingPath(store, task, path);
  const mount = taskfsMounts().find((each) => each.store === store.path);
  if (!mount) {
    throw new TaskfsError('failed', `task ${task} is sealed: its files have no path of their own`, {
      hint: "Mount the store ('taskfs mount DIR'), or use 'taskfs cat' or 'taskfs export'.",
    });
  }
  using tree = await openTree(store, task, () => findIdentities(store, options));
  tree.find(path, 'follow')[Symbol.dispose]();
  const top = Buffer.from(join(mount.mountpoint, 'archive', task));
  return relative.length === 0 ? top : Buffer.concat([top, Buffer.from('/'), relative]);
}
