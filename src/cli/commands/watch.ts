import { loadIdentities } from '../../store/index.ts';
import { describeEvent, watchEvents } from '../../watch/index.ts';
import { addTaskOrAll, json } from '../arguments.ts';
import { defineCommand } from '../command.ts';
import { addIdentityOptions, findIdentities } from '../identity-options.ts';
import { openStoreOf } from '../open-store.ts';
import { printJsonLine, printLine } from '../output.ts';
import { viewPrograms } from '../view-programs.ts';

export const command = defineCommand({
  examples: [
    ['taskfs watch', 'The tasks, and the files of the chosen one; ? shows the keys, q quits'],
    ['taskfs watch build', 'The files of one task'],
    ['taskfs watch build --json', 'Its events, one JSON object per line, until it has ended'],
  ],
  about: 'Where standard output is no terminal, events are printed as lines instead of the view.',
  build: (parser) =>
    addTaskOrAll(addIdentityOptions(parser)).option('json', json('one JSON object per line')),
  run: async ({ options }) => {
    const store = openStoreOf(options);
    const { task } = options;
    const { stdin: input, stdout: output } = process;
    const isNamed = (options.identity ?? options['identity-cmd']) !== undefined;
    // Before the view has the terminal: a passphrase may have to be asked for.
    const named = isNamed ? await findIdentities(store, options) : undefined;
    const find = async () => named ?? (await loadIdentities(store));
    if (!options.json && input.isTTY && output.isTTY) {
      const { showTasks } = await import('../../tui/index.ts');
      const { lookOf } = await import('../../terminal/index.ts');
      const terminal = { input, output, look: lookOf(output, process.env) };
      await showTasks(store, task, find, terminal, viewPrograms(store, options));
      return 0;
    }
    for await (const event of watchEvents(store, task, { findIdentities: find })) {
      await (options.json ? printJsonLine(event) : printLine(describeEvent(event)));
    }
    return 0;
  },
});
