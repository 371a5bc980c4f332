import { reindexTask } from '../../archive/maintain/index.ts';
import { addTask, json } from '../arguments.ts';
import { defineCommand } from '../command.ts';
import { describeReindexed } from '../describe-reindexed.ts';
import { addIdentityOptions, findIdentities } from '../identity-options.ts';
import { openStoreOf } from '../open-store.ts';
import { printJson, printLine, say } from '../output.ts';
import { showReindexProgress } from '../progress.ts';

export const command = defineCommand({
  examples: [
    ['taskfs reindex build', 'Make the index of its archive anew, from the archive’s tar'],
  ],
  about:
    'The index is what files are found by. Where it is damaged or gone, it is made from the tar and ' +
    'signed; where it is whole, nothing is done. Needs the identity and the store’s signing key.',
  build: (parser) => addTask(addIdentityOptions(parser), 'a sealed task').option('json', json()),
  run: async ({ options }) => {
    const store = openStoreOf(options);
    const { task } = options;
    const identities = await findIdentities(store, options);
    using progress = showReindexProgress(options.json);
    const { onProgress } = progress;
    const reindexed = await reindexTask(store, task, { identities, onProgress });
    progress[Symbol.dispose]();
    if (options.json) await printJson(reindexed);
    else await printLine(describeReindexed(reindexed));
    if (!options.json) for (const loss of reindexed.lost) say(`Lost: ${loss}.`);
    return 0;
  },
});
