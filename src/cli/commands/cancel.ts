import { cancel, viewTask } from '../../runner/index.ts';
import { addTasks } from '../arguments.ts';
import { defineCommand } from '../command.ts';
import { openStoreOf } from '../open-store.ts';
import { say } from '../output.ts';

export const command = defineCommand({
  examples: [
    ['taskfs cancel build', 'End a task: SIGTERM, and SIGKILL after 10 seconds'],
    ['taskfs cancel --kill build', 'End it at once'],
  ],
  about:
    "Returns before the task has ended: 'taskfs wait' waits for that. What the task wrote is " +
    'sealed.',
  build: (parser) =>
    addTasks(parser).option('kill', {
      type: 'boolean',
      default: false,
      describe: 'End it without a grace period',
    }),
  run: async ({ options }) => {
    const store = openStoreOf(options);
    const tasks = options.task;
    for (const task of tasks) viewTask(store, task);
    for (const task of tasks) {
      const asked = await cancel(store, task, { kill: options.kill, say });
      if (!asked) say(`Task ${task} had ended already.`);
    }
    return 0;
  },
});
