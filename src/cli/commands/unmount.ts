import { unmount } from '../../mount/index.ts';
import { defineCommand } from '../command.ts';

export const command = defineCommand({
  examples: [['taskfs unmount ~/tasks', 'Take the mount away; tasks go on']],
  about: 'A mount whose server was killed is taken away too.',
  build: (parser) =>
    parser.positional('directory', { type: 'string', demandOption: true, describe: 'Where it is' }),
  run: async ({ options }) => {
    await unmount(options.directory);
    return 0;
  },
});
