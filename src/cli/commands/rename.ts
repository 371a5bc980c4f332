import { renameTask } from '../../runner/index.ts';
import { parseTaskName } from '../../store/index.ts';
import { addTask } from '../arguments.ts';
import { defineCommand } from '../command.ts';
import { addIdentityOptions, findIdentities } from '../identity-options.ts';
import { openStoreOf } from '../open-store.ts';
import { printLine, say } from '../output.ts';

export const command = defineCommand({
  examples: [['taskfs rename 20261127-101500-k3f9 release-1.0', 'Give a sealed task another name']],
  about:
    'Its seal binds the name: it is signed anew for the new one, by the store’s signing key, and ' +
    'so is its key, by an identity; its files are not decrypted. The chain of seals records both ' +
    'names. A task that was not sealed yet keeps its name: its processes know it.',
  build: (parser) =>
    addTask(addIdentityOptions(parser), 'a sealed task').positional('name', {
      type: 'string',
      demandOption: true,
      describe: 'Its new name',
    }),
  run: async ({ options }) => {
    const name = parseTaskName(options.name);
    const store = openStoreOf(options);
    await renameTask(store, options.task, name, () => findIdentities(store, options), say);
    await printLine(name);
    return 0;
  },
});
