import { matches } from '../../retention/index.ts';
import { type TaskView, type UnreadableTask, viewTasks } from '../../runner/index.ts';
import { isFinal } from '../../store/index.ts';
import { json } from '../arguments.ts';
import { defineCommand } from '../command.ts';
import { openStoreOf } from '../open-store.ts';
import { printJson, printLine } from '../output.ts';
import { addSelectorOptions, selectorOf } from '../selector-options.ts';
import { paintTask, showCommand, showStatus } from '../task-line.ts';
import { showDuration } from '../units.ts';
import { cutTo, paint, table, type Words } from '../words.ts';

export const command = defineCommand({
  examples: [
    ['taskfs ps', 'Tasks that wait, run, or were not sealed yet'],
    ['taskfs ps -a', 'All tasks'],
    ['taskfs ps --status failed --json', 'All that failed, sealed or not, as JSON'],
    ['taskfs ps --label kind=nightly', 'All of a label'],
  ],
  build: (parser) =>
    addSelectorOptions(parser)
      .option('all', { alias: 'a', type: 'boolean', default: false, describe: 'Sealed tasks too' })
      .option('json', json('a JSON array')),
  run: async ({ options }) => {
    const select = selectorOf(options);
    const isAsked = Object.keys(select).length > 0;
    const { tasks, unreadable } = viewTasks(openStoreOf(options));
    const shown = tasks.filter((task) => {
      if (isAsked) return matches(select, task);
      return options.all || task.artifacts !== 'sealed' || task.plaintext;
    });
    const unseen = isAsked ? [] : unreadable;
    if (options.json) await printJson([...shown, ...unseen.map(describe)]);
    else for (const line of lines(shown, unseen)) await printLine(line);
    return 0;
  },
});

/** All that can be said of a task whose record cannot be read. */
const describe = ({ task, error }: UnreadableTask): object => ({
  task,
  status: 'unreadable',
  reason: error.message,
});

function lines(tasks: readonly TaskView[], unseen: readonly UnreadableTask[]): Words[] {
  const head = ['TASK', 'STATUS', 'FILES', 'CREATED', 'TOOK', 'COMMAND'];
  const rows = tasks.map((task) => [
    paintTask(task, task.task),
    paintTask(task, showStatus(task)),
    task.plaintext ? 'sealed, plaintext left' : task.artifacts,
    `${showDuration(Date.now() - Date.parse(task.createdAt))} ago`,
    took(task),
    showCommand(task.command),
  ]);
  const unreadable = unseen.map(({ task }) => [
    paint('yellow', task),
    paint('yellow', 'unreadable'),
    `'taskfs status ${task}' says why`,
  ]);
  const all = [head.map((title) => paint('dim', title)), ...rows, ...unreadable];
  return table(all).map(fit);
}

function took({ startedAt, endedAt, status }: TaskView): string {
  if (startedAt === null) return '';
  const end = isFinal(status) && endedAt !== null ? Date.parse(endedAt) : Date.now();
  return showDuration(end - Date.parse(startedAt));
}

/**
 * A line no wider than the terminal, where its width is known: the command, its last part, is cut.
 */
function fit(line: Words): Words {
  const columns = process.stdout.isTTY ? process.stdout.columns : 0;
  return columns === 0 ? line : cutTo(line, columns);
}
