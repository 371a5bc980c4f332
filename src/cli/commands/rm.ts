import { removeEnded } from '../../runner/remove.ts';
import { readRecord, taskPaths } from '../../store/index.ts';
import { defineCommand } from '../command.ts';
import { openStoreOf } from '../open-store.ts';
import { printLine, say } from '../output.ts';
import { addTaskNames } from '../task-names.ts';

export const command = defineCommand({
  examples: [['taskfs rm build', 'Remove a task: its archive, its log, its record']],
  about: 'There is no way back. A task must have ended first.',
  build: (parser) => addTaskNames(parser, 'tasks that have ended'),
  run: async ({ options }) => {
    const store = openStoreOf(options);
    const tasks = options.task;
    for (const task of tasks) readRecord(taskPaths(store, task).record, task);
    for (const task of tasks) {
      for (const left of await removeEnded(store, task)) say(left);
      await printLine(task);
    }
    return 0;
  },
});
