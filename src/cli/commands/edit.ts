import { placeOf } from '../../store/artifacts/index.ts';
import { parseTaskName, TaskfsError } from '../../store/index.ts';
import { stagingPath } from '../../store/staging.ts';
import { encodeText } from '../../sys/surrogate-escape.ts';
import { defineCommand } from '../command.ts';
import { runProgram } from '../foreign-program.ts';
import { openStoreOf } from '../open-store.ts';

export const command = defineCommand({
  rawOptions: ['path'],
  examples: [['taskfs edit build notes.md', 'Change a file of a live task in your editor']],
  about: 'The editor is $VISUAL, else $EDITOR, else vi. The task reads what you save.',
  build: (parser) =>
    parser
      .positional('task', { type: 'string', demandOption: true, describe: 'Name of a live task' })
      .positional('path', { type: 'string', demandOption: true, describe: 'A file that is there' }),
  run: async ({ options }) => {
    const store = openStoreOf(options);
    const task = parseTaskName(options.task);
    if (placeOf(store, task) === 'archive') {
      throw new TaskfsError('usage', `task ${task} is sealed: its files do not change any more`, {
        hint: `'taskfs export ${task} DIR' makes a copy that you can change.`,
      });
    }
    const path = stagingPath(store, task, encodeText(options.path));
    const editor = process.env.VISUAL || process.env.EDITOR || 'vi';
    // As git and others do it: the variable may hold options, so a shell takes it apart.
    const args = ['-c', `${editor} "$@"`, editor, path];
    await runProgram('sh', args, 'Choose another editor with VISUAL or EDITOR.');
    return 0;
  },
});
