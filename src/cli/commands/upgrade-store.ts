import { openStore, STORE_FORMAT, storePath } from '../../store/index.ts';
import { json } from '../arguments.ts';
import { defineCommand } from '../command.ts';
import { EXIT } from '../exit-code.ts';
import { printJson, printLine } from '../output.ts';

export const command = defineCommand({
  examples: [['taskfs upgrade-store', 'Bring a store of an older taskfs up to date']],
  about:
    'There is one format so far: every store is current, and this changes nothing. A store of a ' +
    'newer taskfs is refused, as by every verb. Stores are not downgraded.',
  build: (parser) => parser.option('json', json()),
  run: async ({ options }) => {
    const { path } = openStore(storePath(options.store));
    const facts = { store: path, from: STORE_FORMAT, to: STORE_FORMAT };
    if (options.json) await printJson(facts);
    else await printLine(`${path} has format ${STORE_FORMAT}, the current one`);
    return EXIT.ok;
  },
});
