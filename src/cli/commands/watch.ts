import { describeEvent, showTree, watchEvents } from '../../watch/index.ts';
import { addTaskOrAll, json } from '../arguments.ts';
import { defineCommand } from '../command.ts';
import { openStoreOf } from '../open-store.ts';
import { printJsonLine, printLine } from '../output.ts';
import { hasColours } from '../words.ts';

export const command = defineCommand({
  examples: [
    ['taskfs watch', 'A live tree of all tasks; q quits'],
    ['taskfs watch build', 'Of one task'],
    ['taskfs watch build --json', 'Its events, one JSON object per line, until it has ended'],
  ],
  about: 'Where standard output is no terminal, events are printed as lines instead of the tree.',
  build: (parser) => addTaskOrAll(parser).option('json', json('one JSON object per line')),
  run: async ({ options }) => {
    const store = openStoreOf(options);
    const { task } = options;
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
