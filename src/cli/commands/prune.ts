import { sealedInOrder } from '../../archive/index.ts';
import { TaskfsError } from '../../errors.ts';
import { type TaskView, viewTasks } from '../../runner/index.ts';
import type { Store } from '../../store/index.ts';
import { json } from '../arguments.ts';
import { defineCommand } from '../command.ts';
import { openStoreOf } from '../open-store.ts';
import { printJson, printLine, say } from '../output.ts';
import { removeEach } from '../remove-each.ts';
import { parseCount, parseDuration } from '../units.ts';

export const command = defineCommand({
  examples: [
    ['taskfs prune --older-than 30d --dry-run', 'Show what would be removed'],
    ['taskfs prune --older-than 30d', 'Remove what was sealed more than 30 days ago'],
    ['taskfs prune --keep-last 100', 'Remove all sealed tasks but the last 100'],
  ],
  about:
    'Removes sealed tasks for good. With both options, only what both select. Tasks that run or ' +
    'were not sealed stay.',
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
        describe: 'Keep this many of the newest sealed tasks',
      })
      .option('dry-run', { type: 'boolean', default: false, describe: 'Remove nothing' })
      .option('json', json('a JSON array of names')),
  run: async ({ options }) => {
    const { 'older-than': age, 'keep-last': last } = options;
    if (age === undefined && last === undefined) {
      throw new TaskfsError('usage', 'prune needs to know what to remove', {
        hint: 'Give --older-than, --keep-last, or both.',
      });
    }
    const before = age === undefined ? Infinity : Date.now() - parseDuration('--older-than', age);
    const keep = last === undefined ? 0 : parseCount('--keep-last', last, 0);
    const store = openStoreOf(options);
    const names = pruned(store, before, keep).map(({ task }) => task);
    const isReal = !options['dry-run'];
    const { gone, exitCode } = isReal
      ? await removeEach(store, names)
      : { gone: names, exitCode: 0 };
    if (options.json) await printJson(gone);
    else for (const task of gone) await printLine(task);
    if (!isReal && !options.json) say('Nothing was removed: --dry-run.');
    return exitCode;
  },
});

/** Sealed tasks, oldest seal first, without the last `keep` and what was sealed since `before`. */
function pruned(store: Store, before: number, keep: number): TaskView[] {
  const rank = new Map(sealedInOrder(store).map((task, place) => [task, place]));
  const rankOf = ({ task }: TaskView): number => rank.get(task) ?? -1;
  const sealed = viewTasks(store)
    .tasks.filter(({ artifacts }) => artifacts === 'sealed')
    .sort((a, b) => rankOf(a) - rankOf(b));
  return sealed
    .slice(0, Math.max(0, sealed.length - keep))
    .filter(({ sealedAt }) => Date.parse(sealedAt ?? '') < before);
}
