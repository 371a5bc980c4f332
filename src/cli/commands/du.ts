import {
  openTree,
  sizesOfDirectories,
  sizesOfTasks,
  type TaskSizes,
} from '../../artifacts/index.ts';
import { counted, showBytes } from '../../quantities.ts';
import { viewTasks } from '../../runner/index.ts';
import type { Store, TaskName } from '../../store/index.ts';
import { jsonPath, printableName } from '../../watch/index.ts';
import { addTaskOrAll, json } from '../arguments.ts';
import { defineCommand } from '../command.ts';
import { addIdentityOptions, findIdentities, type IdentityOptions } from '../identity-options.ts';
import { openStoreOf } from '../open-store.ts';
import { printJson, printLines } from '../output.ts';
import { paint, table, type Words } from '../styled-text.ts';

export const command = defineCommand({
  examples: [
    ['taskfs du', 'What each task takes, the largest first'],
    ['taskfs du build', 'What each directory of a task holds'],
    ['taskfs du --json', 'In bytes, for a program'],
  ],
  about:
    'Sealed is what the archive takes on disk, encrypted; live is the size of files that ' +
    'are not sealed yet. In the listing of one task, each directory counts with all below ' +
    'it.',
  build: (parser) => addTaskOrAll(addIdentityOptions(parser)).option('json', json('a JSON array')),
  run: async ({ options }) => {
    const store = openStoreOf(options);
    const { task } = options;
    if (task !== undefined) return showDirectories(store, task, options);
    const sizes = await sizesOfTasks(store, viewTasks(store).tasks);
    if (options.json) await printJson(sizes);
    else await printLines(lines(sizes));
    return 0;
  },
});

async function showDirectories(
  store: Store,
  task: TaskName,
  options: IdentityOptions & { readonly json: boolean },
): Promise<number> {
  using tree = await openTree(store, task, () => findIdentities(store, options));
  const found = sizesOfDirectories(tree);
  if (options.json) await printJson(found.map(({ path, bytes }) => ({ ...jsonPath(path), bytes })));
  else await printLines(table(found.map(({ path, bytes }) => [showBytes(bytes), nameOf(path)])));
  return 0;
}

const nameOf = (path: Buffer): string => (path.length === 0 ? '.' : printableName(path));

function lines(sizes: readonly TaskSizes[]): Words[] {
  const head = ['TOTAL', 'SEALED', 'LIVE', 'LOG', 'TASK'].map((title) => paint('dim', title));
  const rows = [...sizes, totalOf(sizes)].map(({ task, total, sealed, live, log }): Words[] => [
    ...[total, sealed, live, log].map((bytes) => (bytes === 0 ? '-' : showBytes(bytes))),
    task,
  ]);
  return table([head, ...rows]);
}

function totalOf(sizes: readonly TaskSizes[]): Omit<TaskSizes, 'task'> & { readonly task: string } {
  const sum = (of: (sizes: TaskSizes) => number): number =>
    sizes.reduce((all, each) => all + of(each), 0);
  return {
    task: counted(sizes.length, 'task'),
    total: sum(({ total }) => total),
    sealed: sum(({ sealed }) => sealed),
    live: sum(({ live }) => live),
    log: sum(({ log }) => log),
  };
}
