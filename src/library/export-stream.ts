import { exportTar, exportZip, openTree } from '../artifacts/index.ts';
import { TaskfsError } from '../errors.ts';
import { viewTask } from '../runner/index.ts';
import { parseRecipient, type TaskName } from '../store/index.ts';
import type { Store } from './store.ts';

/** All files of a task as a pax tar, or a zip, which knows modes and times alone. */
export async function* packedFiles(
  { paths, identities }: Store,
  task: TaskName,
  format: 'tar' | 'zip',
): AsyncGenerator<Uint8Array> {
  using tree = await openTree(paths, task, identities);
  if (format === 'zip') {
    yield* await exportZip(tree, '', () => {}, {});
    return;
  }
  using top = tree.find('', 'keep');
  yield* exportTar(top, () => {});
}

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
