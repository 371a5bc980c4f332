import { parseTaskName, readRecord, taskPaths } from '../../store/index.ts';
import { removeTask } from '../../store/remove-task.ts';
import { defineCommand } from '../command.ts';
import { openStoreOf } from '../open-store.ts';
import { printLine } from '../output.ts';

export const command = defineCommand({
  examples: [['taskfs rm build', 'Remove a task: its archive, its log, its record']],
  about: 'There is no way back. A task must have ended first.',
  build: (parser) =>
    parser.positional('task', {
      type: 'string',
      array: true,
      demandOption: true,
      describe: 'Names of tasks that have ended',
    }),
  run: async ({ options }) => {
    const store = openStoreOf(options);
    const tasks = options.task.map(parseTaskName);
    for (const task of tasks) readRecord(taskPaths(store, task).record, task);
    for (const task of tasks) {
      removeTask(store, task);
      await printLine(task);
    }
    return 0;
  },
});
