import { superviseDetached } from '../../runner/index.ts';
import { parseTaskName } from '../../store/index.ts';
import { defineCommand } from '../command.ts';
import { openStoreOf } from '../open-store.ts';

export const command = defineCommand({
  examples: [['taskfs run -d -- CMD', 'Starts this by itself']],
  about:
    "A detached task's supervisor. It takes over its starter's lock and input: not for people.",
  build: (parser) => parser.positional('task', { type: 'string', demandOption: true }),
  run: async ({ options }) => {
    await superviseDetached(openStoreOf(options), parseTaskName(options.task));
    return 0;
  },
});
