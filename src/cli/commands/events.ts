import { followEvents, readAllEvents, viewTask } from '../../runner/index.ts';
import { readEvents, type TaskEvent, taskPaths } from '../../store/index.ts';
import { addTaskOrAll, json } from '../arguments.ts';
import { defineCommand } from '../command.ts';
import { openStoreOf } from '../open-store.ts';
import { printJsonLine, printLine } from '../output.ts';

export const command = defineCommand({
  examples: [
    ['taskfs events', 'What happened to all tasks'],
    ['taskfs events build', 'What happened to one'],
    ['taskfs events -f --json', 'Follow them, one JSON object per line'],
  ],
  build: (parser) =>
    addTaskOrAll(parser)
      .option('follow', { alias: 'f', type: 'boolean', default: false, describe: 'Follow them' })
      .option('json', json('one JSON object per line')),
  run: async ({ options }) => {
    const store = openStoreOf(options);
    const { task } = options;
    if (task !== undefined) viewTask(store, task);
    const show = (event: TaskEvent): Promise<void> =>
      options.json ? printJsonLine(event) : printLine(describe(event));
    if (options.follow) {
      for await (const event of followEvents(store, { task, fromStart: true })) await show(event);
      return 0;
    }
    const past =
      task === undefined ? readAllEvents(store) : readEvents(taskPaths(store, task).events);
    for (const event of past) await show(event);
    return 0;
  },
});

function describe({ type, at, task, ...details }: TaskEvent): string {
  const facts = Object.entries(details)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
  return [at, task, type, ...facts].join(' ');
}
