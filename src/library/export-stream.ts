import { exportTar, exportZip, openTree } from '../artifacts/index.ts';
import { TaskfsError } from '../errors.ts';
import { viewTask } from '../runner/index.ts';
import { parseRecipient, type TaskName } from '../store/index.ts';
import type { Store } from './store.ts';

/** What is at a path of a task as a pax tar, or a zip, which knows modes and times alone. */
export async function* packedFiles(
  { paths, identities }: Store,
  task: TaskName,
  format: 'tar' | 'zip',
  path: Buffer,
): AsyncGenerator<Uint8Array> {
  using tree = await openTree(paths, task, identities);
  if (format === 'zip') {
    yield* await exportZip(tree, path, () => {}, {});
    return;
  }
  using top = tree.find(path, 'keep');
  yield* exportTar(top, () => {}, path.length > 0 ? { name: lastName(path) } : {});
}

/** The last name of a path. */
export const lastName = (path: Buffer): Buffer => path.subarray(path.lastIndexOf('/') + 1);

/** The archive of a task for others alone, as of `taskfs share`. */
export async function* sharedTask(
  { paths, identities }: Store,
  task: TaskName,
  recipients: readonly string[],
): AsyncGenerator<Uint8Array> {
  if (viewTask(paths, task).artifacts !== 'sealed') {
    throw new TaskfsError('usage', `task ${task} is not sealed yet: only an archive can be shared`);
  }
  const { writeShare } = await import('../archive/share/index.ts');
  const readers = await Promise.all(recipients.map(parseRecipient));
  yield* writeShare(paths, task, await identities(), readers);
}
