import { TaskfsError } from '../../errors.ts';
import {
  createStore,
  ensureSealingKeys,
  hasKeys,
  openStore,
  parseRecipient,
  type Store,
  storeExists,
  storePath,
} from '../../store/index.ts';
import { json } from '../arguments.ts';
import { defineCommand } from '../command.ts';
import { makeKeys } from '../open-store.ts';
import { printJson, printLine, say } from '../output.ts';
import { choosePassphrase } from '../passphrase.ts';

export const command = defineCommand({
  examples: [
    ['taskfs init', 'Create the store that all verbs use'],
    ['taskfs init --passphrase', 'With a key that a passphrase protects'],
    ['taskfs init --store /data/taskfs', 'Create one elsewhere'],
    ['taskfs init --recipient age1…', 'For a machine that seals and cannot read back'],
  ],
  about:
    'Creates a store and its keys. Where standard error is a terminal it also makes a recovery ' +
    'identity and shows it there, once; in scripts and services it makes none, so that none is ' +
    "logged: 'taskfs key recovery' does it later. 'taskfs run' and 'taskfs mount' do the same " +
    'where there is no store. With --recipient no identity is made: the archives are read ' +
    'elsewhere, with that of such a recipient.',
  build: (parser) =>
    parser
      .option('passphrase', { type: 'boolean', describe: 'Ask for one that protects the identity' })
      .option('recipient', {
        type: 'string',
        array: true,
        requiresArg: true,
        describe: 'Seal for this age recipient, and make no identity; may be given more than once',
      })
      .conflicts('recipient', 'passphrase')
      .option('json', json()),
  run: async ({ options }) => {
    const path = storePath(options.store);
    const isThere = storeExists(path);
    if (isThere && hasKeys(openStore(path))) throw isThereAlready(path);
    // Before the store is made: one without keys would get an identity by the next run.
    const recipients = await parseRecipients(options.recipient);
    const passphrase = options.passphrase ? await choosePassphrase() : undefined;
    const store = isThere ? openStore(path) : createStore(path);
    if (recipients) initForSealing(store, recipients);
    else if (!(await makeKeys(store, passphrase))) throw isThereAlready(path);
    if (options.json) await printJson({ store: path });
    else await printLine(path);
    return 0;
  },
});

const parseRecipients = async (texts: readonly string[] | undefined) =>
  texts && (await Promise.all(texts.map(parseRecipient)));

function initForSealing(store: Store, recipients: readonly string[]): void {
  if (!ensureSealingKeys(store, recipients)) throw isThereAlready(store.path);
  say(
    `A new store is in ${store.path}. It seals for the recipients given, and has no identity: what`,
    "is sealed here is read with theirs: 'taskfs … --identity FILE'.",
  );
}

function isThereAlready(path: string): TaskfsError {
  return new TaskfsError('usage', `there is a store with keys in ${path} already`, {
    hint: 'Use it as it is, or choose another place with --store.',
  });
}
