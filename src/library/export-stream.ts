import { exportTar, exportZip, openTaskSource, openTree } from '../artifacts/index.ts';
import { parseArtifactPath, parseRecipient, type TaskName } from '../store/index.ts';
import type { Store } from './store.ts';

/** What is at a path of a task as a pax tar, or a zip, which knows modes and times alone. */
export async function* packedFiles(
  { paths, identities }: Store,
  task: TaskName,
  format: 'tar' | 'zip',
  path: string | Uint8Array,
): AsyncGenerator<Uint8Array> {
  const parsed = parseArtifactPath(task, path);
  using tree = await openTree(paths, task, identities);
  if (format === 'zip') {
    yield* await exportZip(tree, parsed, () => {}, {});
    return;
  }
  using source = openTaskSource(tree, task, parsed);
  yield* exportTar(source.node, () => {}, parsed.length > 0 ? { name: source.name } : {});
}

/** The archive of a task for others alone, as of `taskfs share`. */
export async function* sharedTask(
  { paths, identities }: Store,
  task: TaskName,
  recipients: readonly string[],
): AsyncGenerator<Uint8Array> {
  const { assertShareable, writeShare } = await import('../archive/share/index.ts');
  assertShareable(paths, task);
  const readers = await Promise.all(recipients.map(parseRecipient));
  yield* writeShare(paths, task, await identities(), readers);
}
