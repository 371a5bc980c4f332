import { reindexTask } from '../../archive/maintain/index.ts';
import { addTask, json } from '../arguments.ts';
import { defineCommand } from '../command.ts';
import { addIdentityOptions, findIdentities } from '../identity-options.ts';
import { openStoreOf } from '../open-store.ts';
import { printJson, printLine, say } from '../output.ts';
import { describeReindexed, showReindexProgress } from '../progress.ts';

export const command = defineCommand({
  examples: [['taskfs reindex build', 'Rebuild the index of its archive from the tar']],
  about:
    'Files are found by the index. If it is damaged or missing, it is rebuilt from the tar and ' +
    'signed; if it is whole, nothing is done. Needs an identity and the store’s signing key.',
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
