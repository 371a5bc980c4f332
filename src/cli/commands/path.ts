import { join } from 'node:path';
import { taskfsMounts } from '../../fs/mount/index.ts';
import { openTree, placeOf } from '../../store/artifacts/index.ts';
import { parseTaskName, type Store, TaskfsError, type TaskName } from '../../store/index.ts';
import { parseArtifactPath, stagingPath } from '../../store/staging.ts';
import { defineCommand } from '../command.ts';
import { addIdentityOptions, findIdentities, type IdentityOptions } from '../identity-options.ts';
import { openStoreOf } from '../open-store.ts';
import { print } from '../output.ts';
import { rawArgument } from '../raw-argument.ts';

export const command = defineCommand({
  examples: [
    ['taskfs path build', 'Where the files of a task are'],
    ['vim "$(taskfs path build notes.md)"', 'Open one of them'],
  ],
  about:
    'Of a live task: in the store. Of a sealed one: in a mount of this store, since on disk there is ' +
    'no file of it. The path must be there, and never leads out of the task’s files.',
  build: (parser) =>
    addIdentityOptions(parser)
      .positional('task', { type: 'string', demandOption: true, describe: 'Name of a task' })
      .positional('path', { type: 'string', default: '', describe: 'A file or directory' }),
  run: async ({ options }) => {
    const store = openStoreOf(options);
    const task = parseTaskName(options.task);
    const path = rawArgument(options.path);
    const place = placeOf(store, task);
    const found =
      place === 'staging'
        ? stagingPath(store, task, path)
        : await mountPath(store, task, path, options);
    await print(Buffer.concat([found, Buffer.from('\n')]));
    return 0;
  },
});

async function mountPath(
  store: Store,
  task: TaskName,
  path: Buffer,
  options: IdentityOptions,
): Promise<Buffer> {
  const mount = taskfsMounts().find((each) => each.store === store.path);
  if (!mount) {
    throw new TaskfsError('failed', `task ${task} is sealed: its files have no path of their own`, {
      hint: `Mount the store ('taskfs mount DIR'), or use 'taskfs cat' or 'taskfs export'.`,
    });
  }
  using tree = await openTree(store, task, () => findIdentities(store, options));
  tree.find(path, 'follow')[Symbol.dispose]();
  const top = Buffer.from(join(mount.mountpoint, 'archive', task));
  const relative = parseArtifactPath(task, path);
  return relative.length === 0 ? top : Buffer.concat([top, Buffer.from('/'), relative]);
}
