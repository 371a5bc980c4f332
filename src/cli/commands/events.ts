import { followEvents, readAllEvents, viewTask } from '../../runner/index.ts';
import type { TaskEvent } from '../../store/index.ts';
import { addTaskOrAll, json } from '../arguments.ts';
import { defineCommand } from '../command.ts';
import { openStoreOf } from '../open-store.ts';
import { printJsonLine, printLine, whileRead } from '../output.ts';
import { addLabelOption, selectorOf } from '../selector-options.ts';
import { showTime, type Zone } from '../units.ts';

export const command = defineCommand({
  examples: [
    ['taskfs events', 'What happened to all tasks'],
    ['taskfs events build', 'What happened to one'],
    ['taskfs events --label kind=nightly', 'What happened to tasks with a label'],
    ['taskfs events -f --json', 'Follow them, one JSON object per line'],
  ],
  build: (parser) =>
    addLabelOption(addTaskOrAll(parser))
      .option('follow', { alias: 'f', type: 'boolean', default: false, describe: 'Follow them' })
      .option('json', json('one JSON object per line')),
  run: async ({ options }) => {
    const store = openStoreOf(options);
    const { task } = options;
    if (task !== undefined) viewTask(store, task);
    const select = selectorOf(options);
    const show = async (events: AsyncIterable<TaskEvent> | Iterable<TaskEvent>): Promise<void> => {
      for await (const event of events) {
        await (options.json ? printJsonLine(event) : printLine(describe(event, options)));
      }
    };
    if (options.follow) {
      await whileRead(() => show(followEvents(store, { task, select, fromStart: true })));
    } else await show(readAllEvents(store, { task, select }));
    return 0;
  },
});

function describe({ type, at, task, ...details }: TaskEvent, zone: Zone): string {
  const facts = Object.entries(details)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
  return [showTime(at, zone), task, type, ...facts].join(' ');
}
