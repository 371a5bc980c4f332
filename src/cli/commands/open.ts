import { parseTaskName } from '../../store/index.ts';
import { encodeText } from '../../sys/surrogate-escape.ts';
import { artifactPath } from '../artifact-path.ts';
import { defineCommand } from '../command.ts';
import { runProgram } from '../foreign-program.ts';
import { addIdentityOptions } from '../identity-options.ts';
import { openStoreOf } from '../open-store.ts';

export const command = defineCommand({
  rawOptions: ['path'],
  examples: [['taskfs open build plot.png', 'Show a file in the desktop’s program for it']],
  about: 'A file of a sealed task is opened in a mount of the store, which must be there.',
  build: (parser) =>
    addIdentityOptions(parser)
      .positional('task', { type: 'string', demandOption: true, describe: 'Name of a task' })
      .positional('path', { type: 'string', demandOption: true, describe: 'A file or directory' }),
  run: async ({ options }) => {
    const task = parseTaskName(options.task);
    const path = encodeText(options.path);
    const found = await artifactPath(openStoreOf(options), task, path, options);
    const program = process.platform === 'darwin' ? 'open' : 'xdg-open';
    await runProgram(program, [found], `It comes with the desktop (on Debian: 'xdg-utils').`);
    return 0;
  },
});
