import { constants } from 'node:os';
import { TaskfsError } from '../../errors.ts';
import { matches } from '../../retention/index.ts';
import { showStatus, viewTask, viewTasks, waitFor } from '../../runner/index.ts';
import type { Store, TaskName } from '../../store/index.ts';
import { addTasksOrNone, json } from '../arguments.ts';
import { defineCommand } from '../command.ts';
import { exitCodeOfTask, exitCodeOfTaskError } from '../exit-code.ts';
import { openStoreOf } from '../open-store.ts';
import { printJson, printLine, say } from '../output.ts';
import { addLabelOption, type SelectorOptions, selectorOf } from '../selector-options.ts';

export const command = defineCommand({
  examples: [
    ['taskfs wait build', 'Wait for a task; exit with its exit code'],
    ['taskfs wait build lint test', 'Wait for all of them'],
    ['taskfs wait --any a b', 'Wait for the first, and say which'],
    ['taskfs wait --label kind=nightly', 'Wait for all tasks with a label'],
    ['taskfs wait build lint -l kind=x', 'For those of them that have it'],
  ],
  about:
    'Waits until each task has ended and its files are sealed; with --any until one has. The ' +
    'exit code is that of the first task, in the order given, which did not end with 0.',
  build: (parser) =>
    addLabelOption(addTasksOrNone(parser))
      .option('any', { type: 'boolean', default: false, describe: 'Wait for the first to end' })
      .option('json', json('a JSON array')),
  exitCodeOf: exitCodeOfTaskError,
  run: async ({ options }) => {
    const store = openStoreOf(options);
    const names = namesOf(store, options);
    for (const name of names) viewTask(store, name);
    const waiting = names.map((name) => waitFor(store, name, say));
    const isFirstOnly = options.any && waiting.length > 0;
    const records = isFirstOnly ? [await Promise.race(waiting)] : await Promise.all(waiting);
    const views = records.map(({ task }) => viewTask(store, task));
    if (options.json) await printJson(views);
    else for (const view of views) await printLine(`${view.task}: ${showStatus(view)}`);
    const codes = records.map((record) => exitCodeOfTask(record, constants.signals));
    return codes.find((code) => code !== 0) ?? 0;
  },
});

/**
 * The tasks that were named, or all: with labels, only those that have them. Throws `usage` without
 * either.
 */
function namesOf(
  store: Store,
  { task: named, label }: { readonly task: readonly TaskName[] } & SelectorOptions,
): TaskName[] {
  if (label === undefined && named.length === 0) {
    throw new TaskfsError('usage', "'taskfs wait' needs to know what to wait for", {
      hint: 'Name tasks, or give --label.',
    });
  }
  if (label === undefined) return [...named];
  const select = selectorOf({ label });
  const candidates =
    named.length > 0 ? named.map((task) => viewTask(store, task)) : viewTasks(store).tasks;
  return candidates.filter((view) => matches(select, view)).map(({ task }) => task);
}
