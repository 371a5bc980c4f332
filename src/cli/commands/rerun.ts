import { currentCaller, specToRerun } from '../../runner/index.ts';
import { parseTaskName, type TaskSpec } from '../../store/index.ts';
import { addTask, json } from '../arguments.ts';
import { defineCommand } from '../command.ts';
import { exitCodeOfTaskError } from '../exit-code.ts';
import { openStoreOf } from '../open-store.ts';
import { startTask } from '../start-task.ts';
import { readEnvironment } from '../task-spec.ts';

export const command = defineCommand({
  examples: [
    ['taskfs rerun build', 'The same command with the same options, as a new task'],
    ['taskfs rerun -d build --name build-2', 'In the background, with a name'],
    ['taskfs rerun -d test --after build-2', 'After another task than before'],
  ],
  about:
    'The directory, engine, image, limits, place in the queue and labels are those of the old ' +
    'task. Values given with -e were not recorded: the variables of these names have the values ' +
    'that they have here.',
  build: (parser) =>
    addTask(parser)
      .option('name', { type: 'string', requiresArg: true, describe: 'The new task’s name' })
      .option('detach', {
        alias: 'd',
        type: 'boolean',
        default: false,
        describe: 'Run in the background',
      })
      .option('after', {
        type: 'string',
        array: true,
        nargs: 1,
        describe: 'Run it after this task, instead of those of the old one; --no-after: at once',
      })
      .option('json', json()),
  exitCodeOf: exitCodeOfTaskError,
  run: async ({ options }) => {
    const store = openStoreOf(options);
    const spec = afterOthers(specToRerun(store, options.task), options.after);
    const env = readEnvironment(spec, currentCaller().environment);
    const how = { ...options, interactive: false, tty: false };
    return startTask(store, { name: options.name, spec }, env, how);
  },
});

/** Instead of the tasks that the old one ran after; without, where `--no-after` was given. */
function afterOthers(spec: TaskSpec, after: readonly unknown[] | boolean | undefined): TaskSpec {
  if (after === undefined) return spec;
  const { after: _, ...free } = spec;
  const names = Array.isArray(after) ? after.filter((name) => typeof name === 'string') : [];
  return names.length === 0 ? free : { ...free, after: names.map(parseTaskName) };
}
