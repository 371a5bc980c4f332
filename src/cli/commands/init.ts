import { createStore, openStore, storeExists, storePath, TaskfsError } from '../../store/index.ts';
import { hasKeys } from '../../store/keys.ts';
import { defineCommand } from '../command.ts';
import { makeKeys, tellRecovery } from '../open-store.ts';
import { printJson, printLine } from '../output.ts';
import { choosePassphrase } from '../passphrase.ts';

export const command = defineCommand({
  examples: [
    ['taskfs init', 'Make the store that all verbs use'],
    ['taskfs init --passphrase', 'With a key that a passphrase protects'],
    ['taskfs init --store /data/taskfs', 'Make one elsewhere'],
  ],
  about:
    'Makes a store and its keys, and shows the recovery identity: once, on standard error. ' +
    "'taskfs run' and 'taskfs mount' do the same where there is no store.",
  build: (parser) =>
    parser
      .option('passphrase', { type: 'boolean', default: false, describe: 'Ask for one' })
      .option('json', { type: 'boolean', default: false, describe: 'Print a JSON object' }),
  run: async ({ options }) => {
    const path = storePath(options.store);
    const isThere = storeExists(path);
    if (isThere && hasKeys(openStore(path))) throw isThereAlready(path);
    const passphrase = options.passphrase ? await choosePassphrase() : undefined;
    const store = isThere ? openStore(path) : createStore(path);
    const recovery = await makeKeys(store, { passphrase });
    if (recovery === undefined) throw isThereAlready(path);
    tellRecovery(store, recovery);
    if (options.json) await printJson({ store: path });
    else await printLine(path);
    return 0;
  },
});

function isThereAlready(path: string): TaskfsError {
  return new TaskfsError('usage', `there is a store with keys in ${path} already`, {
    hint: 'Use it as it is, or choose another place with --store.',
  });
}
