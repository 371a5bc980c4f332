import { type Decision, isEmpty } from '../../retention/index.ts';
import { clockInDoubt, planPrune, removeDecided } from '../../runner/index.ts';
import { json, thumbnailsOption } from '../arguments.ts';
import { defineCommand } from '../command.ts';
import { EXIT } from '../exit-code.ts';
import { openStoreOf } from '../open-store.ts';
import { printJson, printLines, say } from '../output.ts';
import { reportError } from '../report-error.ts';
import { reportRemovals } from '../report-removals.ts';
import { addRetentionOptions, policyOf } from '../retention-options.ts';
import { selectorOf } from '../selector-options.ts';
import { paint, table, type Words } from '../styled-text.ts';

export const command = defineCommand({
  examples: [
    ['taskfs prune --dry-run', "What the store's policy would remove, and why"],
    ['taskfs prune --older-than 30d', 'Remove what was sealed more than 30 days ago'],
    ['taskfs prune --keep-last 100', 'Remove all sealed tasks but the last 100'],
    ['taskfs prune --keep-daily 7 --keep-weekly 8', 'Keep one a day, then one a week'],
    ['taskfs prune --label kind=nightly --keep-last 10', 'The same for some of the tasks'],
  ],
  about:
    'Removes sealed tasks for good: those that no option keeps. Without options, those that the ' +
    "store's policy does not keep. Tasks that run, were not sealed, are pinned, or have edits " +
    'that were not written back stay, and all that --status, --name and --label do not select.',
  build: (parser) =>
    addRetentionOptions(parser)
      .option('dry-run', {
        type: 'boolean',
        default: false,
        describe: 'Remove nothing, and say what becomes of each task, and why',
      })
      .option('thumbnails', thumbnailsOption)
      .option('json', json('a JSON array of names; with --dry-run, of decisions')),
  run: async ({ options }) => {
    const store = openStoreOf(options);
    const given = policyOf(options);
    const policy = isEmpty(given) ? undefined : given;
    const decisions = planPrune(store, policy, selectorOf(options));
    if (options['dry-run']) return showDecisions(decisions, options.json);
    const removals = await removeDecided(store, decisions, { say });
    const doubt = clockInDoubt(decisions);
    const failed = reportRemovals(removals, options);
    if (doubt) reportError(doubt, false);
    if (options.json) await printJson(removals.removed);
    else await printLines(removals.removed);
    if (!doubt && decisions.every(({ keep }) => keep)) say('There is nothing to remove.');
    return failed || (doubt ? EXIT.failed : EXIT.ok);
  },
});

async function showDecisions(decisions: readonly Decision[], asJson: boolean): Promise<number> {
  if (asJson) {
    await printJson(decisions.map(({ task, keep, because }) => ({ task, keep, because })));
    return 0;
  }
  await printLines(table(decisions.map(describe)));
  say('Nothing was removed: --dry-run.');
  return 0;
}

const describe = ({ task, keep, because }: Decision): Words[] => [
  keep ? 'keep' : paint('red', 'remove'),
  task,
  because.join('; '),
];
