import { pause } from '../../runner/index.ts';
import { addTasks } from '../arguments.ts';
import { defineCommand } from '../command.ts';
import { openStoreOf } from '../open-store.ts';

export const command = defineCommand({
  examples: [
    ['taskfs pause build', 'Stop all processes of a task'],
    ['taskfs resume build', 'Let them go on'],
  ],
  build: (parser) => addTasks(parser, 'running tasks'),
  run: async ({ options }) => {
    const store = openStoreOf(options);
    for (const task of options.task) await pause(store, task);
    return 0;
  },
});
