import { unmount } from '../../mount/index.ts';
import { defineCommand } from '../command.ts';

export const command = defineCommand({
  examples: [['taskfs unmount ~/tasks', 'Unmount; tasks are not affected']],
  about: 'Also works if the server of the mount was killed.',
  build: (parser) =>
    parser.positional('directory', {
      type: 'string',
      demandOption: true,
      describe: 'The mount point',
    }),
  run: async ({ options }) => {
    await unmount(options.directory);
    return 0;
  },
});
