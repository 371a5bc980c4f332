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
    'In a mount of this store. Where there is none: of a live task in the store, where nothing is found ' +
    'any more once it has ended; a sealed one has no file on disk. The path must be there, and never leads out of the task’s files.',
  build: (parser) => addPathOrTop(addTask(addIdentityOptions(parser)), 'A file or directory'),
  run: async ({ options }) => {
    const { task, path } = options;
    const found = await artifactPath(openStoreOf(options), task, path, options);
    await print(Buffer.concat([found, Buffer.from('\n')]));
    return 0;
  },
});
