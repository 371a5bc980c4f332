import { addTasks } from '../arguments.ts';
import { defineCommand } from '../command.ts';
import { openStoreOf } from '../open-store.ts';
import { printLine } from '../output.ts';
import { removeEach } from '../remove-each.ts';

export const command = defineCommand({
  examples: [['taskfs rm build', 'Remove a task: its archive, its log, its record']],
  about:
    'This cannot be undone, and edits that were not written back are removed too. A task must ' +
    'have ended first. One that cannot be removed does not stop the others; the exit code is ' +
    'that of the first such task.',
  build: (parser) => addTasks(parser, 'tasks that have ended'),
  run: async ({ options }) => {
    const store = openStoreOf(options);
    const { gone, exitCode } = await removeEach(store, options.task);
    for (const task of gone) await printLine(task);
    return exitCode;
  },
});
