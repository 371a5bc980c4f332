import { assertSealable, sealAgain, viewTask } from '../../runner/index.ts';
import type { Store, TaskName } from '../../store/index.ts';
import { addTasks, json } from '../arguments.ts';
import { defineCommand } from '../command.ts';
import { openStoreOf } from '../open-store.ts';
import { printJson, printLine, say } from '../output.ts';
import { showSealProgress } from '../progress.ts';
import { parseWait } from '../units.ts';

export const command = defineCommand({
  examples: [
    ['taskfs seal build', 'Seal the files of a task whose sealing failed'],
    ['taskfs seal --drain 1m build', 'And give programs that write to them a minute to close them'],
  ],
  about:
    'Tasks are sealed automatically when they end. If that fails, their files are kept in ' +
    'plaintext.',
  build: (parser) =>
    addTasks(parser, 'tasks that have ended')
      .option('drain', {
        type: 'string',
        requiresArg: true,
        describe:
          'Wait this long for programs that write to its files; by default as its run said, or ' +
          '10s',
      })
      .option('keep-editor-files', {
        type: 'boolean',
        describe: 'Seal swap files, locks and backups that editors on the mount left, too',
      })
      .option('json', json('a JSON array')),
  run: async ({ options }) => {
    const store = openStoreOf(options);
    const tasks = options.task;
    const drainMs = options.drain === undefined ? undefined : parseWait('--drain', options.drain);
    for (const task of tasks) assertSealable(store, task);
    const how = { drainMs, keepEditorFiles: options['keep-editor-files'] };
    for (const task of tasks) await seal(store, task, options.json, how);
    const views = tasks.map((task) => viewTask(store, task));
    if (options.json) await printJson(views);
    else for (const { task, artifacts } of views) await printLine(`${task}: ${artifacts}`);
    return 0;
  },
});

async function seal(
  store: Store,
  task: TaskName,
  json: boolean,
  how: { readonly drainMs: number | undefined; readonly keepEditorFiles: boolean | undefined },
): Promise<void> {
  using progress = showSealProgress(json);
  const onSealProgress = progress.onProgress;
  await sealAgain(store, task, { ...how, say, onSealProgress });
}
