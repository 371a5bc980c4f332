import { removeEnded } from '../../runner/remove.ts';
import { type TaskView, viewTasks } from '../../runner/view.ts';
import { TaskfsError } from '../../store/index.ts';
import { defineCommand } from '../command.ts';
import { openStoreOf } from '../open-store.ts';
import { printJson, printLine, say } from '../output.ts';
import { parseCount, parseDuration } from '../quantity.ts';

export const command = defineCommand({
  examples: [
    ['taskfs prune --older-than 30d --dry-run', 'What would go'],
    ['taskfs prune --older-than 30d', 'Remove what was sealed more than 30 days ago'],
    ['taskfs prune --keep-last 100', 'Remove all sealed tasks but the last 100'],
  ],
  about:
    'Removes sealed tasks for good. With both options, only what both say. Tasks that run or were not ' +
    'sealed stay.',
  build: (parser) =>
    parser
      .option('older-than', {
        type: 'string',
        requiresArg: true,
        describe: 'Sealed longer ago than this, as in 12h, 30d',
      })
      .option('keep-last', {
        type: 'string',
        requiresArg: true,
        describe: 'So many of the newest sealed tasks stay',
      })
      .option('dry-run', { type: 'boolean', default: false, describe: 'Remove nothing' })
      .option('json', { type: 'boolean', default: false, describe: 'Print a JSON array of names' }),
  run: async ({ options }) => {
    const { 'older-than': age, 'keep-last': last } = options;
    if (age === undefined && last === undefined) {
      throw new TaskfsError('usage', 'prune must be told what to remove', {
        hint: 'Give --older-than, --keep-last, or both.',
      });
    }
    const before = age === undefined ? Infinity : Date.now() - parseDuration('--older-than', age);
    const keep = last === undefined ? 0 : parseCount('--keep-last', last, 0);
    const store = openStoreOf(options);
    const names = pruned(viewTasks(store), before, keep).map(({ task }) => task);
    for (const task of names) {
      const isReal = !options['dry-run'];
      for (const left of isReal ? await removeEnded(store, task) : []) say(left);
      if (!options.json) await printLine(task);
    }
    if (options.json) await printJson(names);
    else if (options['dry-run']) say('Nothing was removed: --dry-run.');
    return 0;
  },
});

/** Sealed tasks, oldest seal first, without the last `keep` and what was sealed since `before`. */
function pruned(tasks: readonly TaskView[], before: number, keep: number): TaskView[] {
  const sealed = tasks
    .filter(({ artifacts, sealedAt }) => artifacts === 'sealed' && sealedAt !== null)
    .sort((a, b) => sealTime(a) - sealTime(b));
  return sealed
    .slice(0, Math.max(0, sealed.length - keep))
    .filter((task) => sealTime(task) < before);
}

const sealTime = ({ sealedAt }: TaskView): number => Date.parse(sealedAt ?? '');
