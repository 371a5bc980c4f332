import { matches, selectsAll } from '../../retention/index.ts';
import {
  sortTasks,
  TASK_ORDERS,
  type TaskView,
  type UnreadableTask,
  viewTasks,
} from '../../runner/index.ts';
import { listUnsealedTasks, type Store } from '../../store/index.ts';
import { json } from '../arguments.ts';
import { defineCommand } from '../command.ts';
import { openStoreOf } from '../open-store.ts';
import { printJson, printLines } from '../output.ts';
import { addSelectorOptions, selectorOf, withFilters } from '../selector-options.ts';
import { cutTo, paint, table, type Words } from '../styled-text.ts';
import { COLUMNS, type Column, cellOf, type ListedTask, parseColumns } from '../task-columns.ts';
import { parseCount } from '../units.ts';

const DEFAULT_COLUMNS: readonly Column[] = [
  'task',
  'status',
  'files',
  'created',
  'took',
  'command',
];

export const command = defineCommand({
  examples: [
    ['taskfs ps', 'Tasks that wait, run, or were not sealed yet'],
    ['taskfs ps -a', 'All tasks'],
    ['taskfs ps --status failed --json', 'All that failed, sealed or not, as JSON'],
    ['taskfs ps --label kind=nightly -q', 'The names of all tasks with a label'],
    ['taskfs ps -n 5 --columns task,exit,reason', 'Why the last five ended'],
    ['taskfs ps -a --sort -size --columns task,size', 'What takes most, the largest first'],
  ],
  dashedOptions: ['sort'],
  build: (parser) =>
    addSelectorOptions(parser)
      .option('all', { alias: 'a', type: 'boolean', default: false, describe: 'Sealed tasks too' })
      .option('last', {
        alias: 'n',
        type: 'string',
        requiresArg: true,
        describe: 'The last N that were submitted, sealed or not',
      })
      .option('sort', {
        choices: TASK_ORDERS,
        requiresArg: true,
        default: 'created' as const,
        describe: 'Sort by this, the smallest first; with a minus, the largest first',
      })
      .option('filter', {
        type: 'string',
        array: true,
        nargs: 1,
        describe: 'status=S, name=PATTERN or label=K=V, as --status, --name and --label',
      })
      .option('quiet', { alias: 'q', type: 'boolean', default: false, describe: 'Names alone' })
      .option('columns', {
        type: 'string',
        requiresArg: true,
        describe: `Which columns, separated by commas: ${COLUMNS.join(', ')}`,
      })
      .option('trunc', {
        type: 'boolean',
        default: true,
        describe: 'Cut lines to the width of the terminal; --no-trunc leaves them whole',
      })
      .option('json', json('a JSON array')),
  run: async ({ options }) => {
    const select = selectorOf(withFilters(options, options.filter));
    const last = options.last === undefined ? undefined : parseCount('-n', options.last, 0);
    const columns = options.columns === undefined ? DEFAULT_COLUMNS : parseColumns(options.columns);
    const isSelected = !selectsAll(select);
    const isAll = options.all || isSelected || last !== undefined;
    const store = openStoreOf(options);
    const { tasks, unreadable } = viewTasks(store, isAll ? undefined : listUnsealedTasks(store));
    const matching = tasks.filter(
      (task) => matches(select, task) && (isAll || task.artifacts !== 'sealed' || task.plaintext),
    );
    const listed =
      last === undefined ? matching : matching.slice(Math.max(0, matching.length - last));
    const isMeasured = columns.includes('size') || /^-?size$/.test(options.sort);
    const measured = isMeasured ? await withSizes(store, listed) : listed;
    const shown = sortTasks(measured, options.sort);
    const unseen = isSelected ? [] : unreadable;
    if (options.json) await printJson([...shown, ...unseen.map(describe)]);
    else if (options.quiet) await printLines([...shown, ...unseen].map(({ task }) => task));
    else {
      const all = lines(shown, unseen, columns);
      await printLines(options.trunc ? all.map(fitToTerminal) : all);
    }
    return 0;
  },
});

async function withSizes(store: Store, tasks: readonly TaskView[]): Promise<ListedTask[]> {
  const { sizesOfTasks } = await import('../../artifacts/index.ts');
  const sizes = await sizesOfTasks(store, tasks);
  const totals = new Map(sizes.map(({ task, total }) => [task, total]));
  return tasks.map((view) => ({ ...view, size: totals.get(view.task) ?? 0 }));
}

/** All that can be said of a task whose record cannot be read. */
const describe = ({ task, error }: UnreadableTask): object => ({
  task,
  status: 'unreadable',
  reason: error.message,
});

function lines(
  tasks: readonly ListedTask[],
  unseen: readonly UnreadableTask[],
  columns: readonly Column[],
): Words[] {
  const head = columns.map((column) => paint('dim', column.toUpperCase()));
  const rows = tasks.map((task) => columns.map((column) => cellOf(task, column)));
  const unreadable = unseen.map(({ task }) => [
    paint('yellow', task),
    paint('yellow', 'unreadable'),
    `'taskfs status ${task}' says why`,
  ]);
  return table([head, ...rows, ...unreadable]);
}

/** A line no wider than the terminal, where its width is known: its end is cut. */
function fitToTerminal(line: Words): Words {
  const columns = process.stdout.isTTY ? process.stdout.columns : 0;
  return columns === 0 ? line : cutTo(line, columns);
}
