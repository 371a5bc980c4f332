import { addPathOrTop, addTask } from '../arguments.ts';
import { artifactPath } from '../artifact-path.ts';
import { defineCommand } from '../command.ts';
import { addIdentityOptions } from '../identity-options.ts';
import { openStoreOf } from '../open-store.ts';
import { print } from '../output.ts';

export const command = defineCommand({
  examples: [
    ['taskfs path build', 'Where the files of a task are'],
    ['vim "$(taskfs path build notes.md)"', 'Open one of them'],
  ],
  about:
    'Prints a path in a mount of the store. Without a mount, the path of a live task is one ' +
    'in the store, which leads nowhere once the task has ended, and a sealed task has none. ' +
    'The file must exist, and is always one of the task’s.',
  build: (parser) => addPathOrTop(addTask(addIdentityOptions(parser)), 'A file or directory'),
  run: async ({ options }) => {
    const { task, path } = options;
    const found = await artifactPath(openStoreOf(options), task, path, options);
    await print(Buffer.concat([found, Buffer.from('\n')]));
    return 0;
  },
});
