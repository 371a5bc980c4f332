import { TaskfsError } from '../../errors.ts';
import { matches, type Selector } from '../../retention/index.ts';
import { followEvents, readAllEvents, viewTask } from '../../runner/index.ts';
import {
  readEvents,
  type Store,
  type TaskEvent,
  type TaskName,
  taskPaths,
} from '../../store/index.ts';
import { addTaskOrAll, json } from '../arguments.ts';
import { defineCommand } from '../command.ts';
import { openStoreOf } from '../open-store.ts';
import { printJsonLine, printLine } from '../output.ts';
import { addLabelOption, type SelectorOptions, selectorOf } from '../selector-options.ts';
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
    const isMeant = labelFilter(store, options);
    const show = async (event: TaskEvent): Promise<void> => {
      if (!isMeant(event.task)) return;
      await (options.json ? printJsonLine(event) : printLine(describe(event, options)));
    };
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

/** Whether a task has the labels that were asked for; a task's labels never change. */
function labelFilter(
  store: Store,
  { label }: Pick<SelectorOptions, 'label'>,
): (task: TaskName) => boolean {
  if (label === undefined) return () => true;
  const select = selectorOf({ label });
  const known = new Map<TaskName, boolean>();
  return (task) => {
    const isMeant = known.get(task) ?? hasLabels(store, task, select);
    known.set(task, isMeant);
    return isMeant;
  };
}

function hasLabels(store: Store, task: TaskName, select: Selector): boolean {
  try {
    return matches(select, viewTask(store, task));
  } catch (error) {
    if (error instanceof TaskfsError) return false;
    throw error;
  }
}

function describe({ type, at, task, ...details }: TaskEvent, zone: Zone): string {
  const facts = Object.entries(details)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
  return [showTime(at, zone), task, type, ...facts].join(' ');
}
