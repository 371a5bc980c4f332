import { resume } from '../../runner/index.ts';
import { addTasks } from '../arguments.ts';
import { defineCommand } from '../command.ts';
import { openStoreOf } from '../open-store.ts';

export const command = defineCommand({
  examples: [['taskfs resume build', 'Let a paused task go on']],
  build: (parser) => addTasks(parser, 'running tasks'),
  run: async ({ options }) => {
    const store = openStoreOf(options);
    for (const task of options.task) await resume(store, task);
    return 0;
  },
});
