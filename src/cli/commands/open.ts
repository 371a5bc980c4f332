import { addPath, addTask } from '../arguments.ts';
import { mountedPath } from '../artifact-path.ts';
import { defineCommand } from '../command.ts';
import { addIdentityOptions } from '../identity-options.ts';
import { openStoreOf } from '../open-store.ts';
import { runProgram } from '../run-external.ts';

export const command = defineCommand({
  examples: [['taskfs open build plot.png', 'Show a file in the desktop’s program for it']],
  about:
    'It is opened in a mount of the store, which must be there: so sealing waits for who changes a ' +
    'file, and lists of recent files name no place that goes away.',
  build: (parser) => addPath(addTask(addIdentityOptions(parser)), 'A file or directory'),
  run: async ({ options }) => {
    const { task, path } = options;
    const found = await mountedPath(openStoreOf(options), task, path, options);
    await runProgram('xdg-open', [found], "It comes with the desktop (on Debian: 'xdg-utils').");
    return 0;
  },
});
