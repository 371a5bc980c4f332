import { addPath, addTask } from '../arguments.ts';
import { mountedPath } from '../artifact-path.ts';
import { defineCommand } from '../command.ts';
import { addIdentityOptions } from '../identity-options.ts';
import { openStoreOf } from '../open-store.ts';
import { runProgram } from '../run-external.ts';

export const command = defineCommand({
  examples: [['taskfs open build plot.png', 'Show a file in the desktop’s program for it']],
  about:
    'Needs a mount of the store: sealing then waits for programs that write the file, and lists ' +
    'of recent files name a path that lasts.',
  build: (parser) => addPath(addTask(addIdentityOptions(parser)), 'A file or directory'),
  run: async ({ options }) => {
    const { task, path } = options;
    const found = await mountedPath(openStoreOf(options), task, path, options);
    await runProgram('xdg-open', [found], "It comes with the desktop (on Debian: 'xdg-utils').");
    return 0;
  },
});
