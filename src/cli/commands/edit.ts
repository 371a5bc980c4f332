import { openEditCopy } from '../../artifacts/index.ts';
import { TaskfsError } from '../../errors.ts';
import { readRecord, showPath, taskPaths } from '../../store/index.ts';
import { addPath, addTask } from '../arguments.ts';
import { defineCommand } from '../command.ts';
import { openStoreOf } from '../open-store.ts';
import { say } from '../output.ts';
import { runEditor } from '../run-external.ts';

export const command = defineCommand({
  examples: [['taskfs edit build notes.md', 'Change a file of a live task in your editor']],
  about:
    'The editor is $VISUAL, else $EDITOR, else vi; one with windows (code, gvim, subl) is made ' +
    'to wait. It gets a private copy, which is written ' +
    'back when the editor ends. If the task changed the file meanwhile, your version is put ' +
    'beside it; if the task has ended, it is kept in the store and named.',
  build: (parser) => addPath(addTask(parser, 'a live task'), 'A file, new or there'),
  run: async ({ options }) => {
    const store = openStoreOf(options);
    const { task, path } = options;
    using copy = openEditCopy(store, task, path);
    const failure = await runEditor(copy.path);
    const saved = copy.save(failure?.message);
    if (saved.kind === 'kept') {
      const { why, where } = saved;
      const message = `'${showPath(path)}' was not written back, ${why}: what you saved is ${where}`;
      throw new TaskfsError('failed', message, { hint: 'Copy from there what you need.' });
    }
    if (failure) throw failure;
    const { artifacts } = readRecord(taskPaths(store, task).record, task);
    if (saved.kind === 'unchanged' && artifacts !== 'live') {
      say(`task ${task} ended meanwhile; you changed nothing`);
    }
    return 0;
  },
});
