import { pause } from '../../runner/index.ts';
import { parseTaskName } from '../../store/index.ts';
import { cliMain } from '../cli-main.ts';
import { defineCommand } from '../command.ts';
import { openStoreOf } from '../open-store.ts';

export const command = defineCommand({
  examples: [
    ['taskfs pause build', 'Stop all processes of a task'],
    ['taskfs resume build', 'Let them go on'],
  ],
  build: (parser) =>
    parser.positional('task', {
      type: 'string',
      array: true,
      demandOption: true,
      describe: 'Names of running tasks',
    }),
  run: async ({ options }) => {
    const store = openStoreOf(options);
    for (const task of options.task.map(parseTaskName)) await pause(store, task, cliMain);
    return 0;
  },
});
