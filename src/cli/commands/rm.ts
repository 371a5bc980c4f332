import { TaskfsError } from '../../errors.ts';
import { cancel, viewTask, waitFor } from '../../runner/index.ts';
import { isFinal, type Store, type TaskName } from '../../store/index.ts';
import { addTasks, thumbnailsOption } from '../arguments.ts';
import { defineCommand } from '../command.ts';
import { openStoreOf } from '../open-store.ts';
import { printLine, say } from '../output.ts';
import { removeEach } from '../remove-each.ts';

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
    const tasks = options.force ? await endedOf(store, options.task) : options.task;
    const { gone, exitCode } = await removeEach(store, tasks, options);
    for (const task of gone) await printLine(task);
    return exitCode;
  },
});

/** Those of the tasks that are there, all of them ended. */
async function endedOf(store: Store, tasks: readonly TaskName[]): Promise<TaskName[]> {
  const there: TaskName[] = [];
  for (const task of tasks) {
    try {
      const { status, pinned } = viewTask(store, task);
      if (!isFinal(status) && !pinned) {
        await cancel(store, task, { kill: true });
        await waitFor(store, task, say);
      }
    } catch (error) {
      if (!(error instanceof TaskfsError)) throw error;
      if (error.kind === 'not-found') continue;
    }
    there.push(task);
  }
  return there;
}
