import { constants } from 'node:os';
import { viewTask, waitFor } from '../../runner/index.ts';
import { addTasks, json } from '../arguments.ts';
import { defineCommand } from '../command.ts';
import { exitCodeOfTask, exitCodeOfTaskError } from '../exit-code.ts';
import { openStoreOf } from '../open-store.ts';
import { printJson, printLine, say } from '../output.ts';
import { showStatus } from '../task-line.ts';

export const command = defineCommand({
  examples: [
    ['taskfs wait build', 'Wait for a task; exit with its exit code'],
    ['taskfs wait build lint test', 'Wait for all of them'],
  ],
  about:
    'Waits until each task has ended and its files are sealed. The exit code is that of the ' +
    'first task, in the order given, which did not end with 0.',
  build: (parser) => addTasks(parser).option('json', json('a JSON array')),
  exitCodeOf: exitCodeOfTaskError,
  run: async ({ options }) => {
    const store = openStoreOf(options);
    const names = options.task;
    for (const name of names) viewTask(store, name);
    const records = await Promise.all(names.map((name) => waitFor(store, name, say)));
    const views = names.map((name) => viewTask(store, name));
    if (options.json) await printJson(views);
    else for (const view of views) await printLine(`${view.task}: ${showStatus(view)}`);
    const codes = records.map((record) => exitCodeOfTask(record, constants.signals));
    return codes.find((code) => code !== 0) ?? 0;
  },
});
