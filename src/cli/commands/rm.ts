import { removeTasks } from '../../runner/index.ts';
import { addTasks, thumbnailsOption } from '../arguments.ts';
import { defineCommand } from '../command.ts';
import { openStoreOf } from '../open-store.ts';
import { printLines, say } from '../output.ts';
import { reportRemovals } from '../report-removals.ts';

export const command = defineCommand({
  examples: [
    ['taskfs rm build', 'Remove a task: its archive, its log, its record'],
    ['taskfs rm -f build', 'Also if it runs: it is ended first'],
  ],
  about:
    'This cannot be undone, and edits that were not written back are removed too. A task must ' +
    'have ended first. One that cannot be removed does not stop the others; the exit code is ' +
    'that of the first such task.',
  build: (parser) =>
    addTasks(parser, 'tasks that have ended')
      .option('force', {
        alias: 'f',
        type: 'boolean',
        default: false,
        describe: 'End those that run, at once; one that is not there is no error',
      })
      .option('thumbnails', thumbnailsOption),
  run: async ({ options }) => {
    const store = openStoreOf(options);
    const removals = await removeTasks(store, options.task, { force: options.force, say });
    const exitCode = reportRemovals(removals, options);
    await printLines(removals.removed);
    return exitCode;
  },
});
