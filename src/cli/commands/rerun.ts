import { currentCaller } from '../../runner/index.ts';
import { commandOf, cwdOf, readRecord, type TaskSpec, taskPaths } from '../../store/index.ts';
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
  ],
  about:
    'The directory, engine, image, limits and labels are those of the old task. Values given ' +
    'with -e were not recorded: the variables of these names have the values that they have here.',
  build: (parser) =>
    addTask(parser)
      .option('name', { type: 'string', requiresArg: true, describe: 'The new task’s name' })
      .option('detach', {
        alias: 'd',
        type: 'boolean',
        default: false,
        describe: 'Run in the background',
      })
      .option('json', json()),
  exitCodeOf: exitCodeOfTaskError,
  run: async ({ options }) => {
    const store = openStoreOf(options);
    const spec = specOfTask(readRecord(taskPaths(store, options.task).record, options.task));
    const env = readEnvironment(
      { env: spec.env, ...(spec.image !== null && { image: spec.image }) },
      currentCaller().environment,
    );
    const how = { ...options, interactive: false, tty: false };
    return startTask(store, { name: options.name, spec }, env, how);
  },
});

/** What to run again; not what a terminal gave it, which may be another one now, or none. */
function specOfTask(record: ReturnType<typeof readRecord>): TaskSpec {
  const { engine, image, env, timeoutMs, retries, maxRunning, drainMs, logMaxBytes, labels } =
    record;
  const { interactive: _, tty: __, consoleSize: ___, ...options } = record.options;
  return {
    command: commandOf(record),
    cwd: cwdOf(record),
    engine,
    image,
    env,
    timeoutMs,
    retries,
    maxRunning,
    ...(drainMs !== undefined && { drainMs }),
    ...(logMaxBytes !== undefined && { logMaxBytes }),
    ...(labels && { labels }),
    options,
  };
}
