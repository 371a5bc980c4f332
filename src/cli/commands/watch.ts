import { parseTaskName } from '../../store/index.ts';
import { describeEvent, showTree, watchEvents } from '../../watch/index.ts';
import { defineCommand } from '../command.ts';
import { openStoreOf } from '../open-store.ts';
import { printJsonLine, printLine } from '../output.ts';
import { hasColours } from '../words.ts';

export const command = defineCommand({
  examples: [
    ['taskfs watch', 'A live tree of all tasks; q quits'],
    ['taskfs watch build', 'Of one task'],
    ['taskfs watch build --json', 'Its events, an object a line, until it has ended'],
  ],
  about: 'Where standard output is no terminal, events are printed as lines instead of the tree.',
  build: (parser) =>
    parser
      .positional('task', { type: 'string', describe: 'Name of a task; else all' })
      .option('json', { type: 'boolean', default: false, describe: 'An object a line' }),
  run: async ({ options }) => {
    const store = openStoreOf(options);
    const task = options.task === undefined ? undefined : parseTaskName(options.task);
    const { stdin: input, stdout: output } = process;
    if (!options.json && input.isTTY && output.isTTY) {
      await showTree(store, task, { input, output, color: hasColours(output) });
      return 0;
    }
    for await (const event of watchEvents(store, task)) {
      await (options.json ? printJsonLine(event) : printLine(describeEvent(event)));
    }
    return 0;
  },
});
