import { pause, resume } from '../../runner/index.ts';
import type { Store, TaskName } from '../../store/index.ts';
import { addTasks } from '../arguments.ts';
import { type Command, defineCommand, type Example } from '../command.ts';
import { openStoreOf } from '../open-store.ts';

const pauseExample: Example = ['taskfs pause build', 'Stop all processes of a task'];
const resumeExample: Example = ['taskfs resume build', 'Resume a paused task'];

export const command = forEachTask([pauseExample, resumeExample], pause);

/** The verb `resume`. */
export const resumeCommand = forEachTask([resumeExample], resume);

function forEachTask(
  examples: readonly Example[],
  apply: (store: Store, task: TaskName) => Promise<unknown>,
): Command {
  return defineCommand({
    examples,
    build: (parser) => addTasks(parser, 'running tasks'),
    run: async ({ options }) => {
      const store = openStoreOf(options);
      for (const task of options.task) await apply(store, task);
      return 0;
    },
  });
}
