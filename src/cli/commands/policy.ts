import { TaskfsError } from '../../errors.ts';
import { showBytes, showDuration } from '../../quantities.ts';
import {
  changePolicy,
  isEmpty,
  type Keep,
  PERIODS,
  type Policy,
  readPolicy,
  removeRule,
  selectorKey,
  selectsAll,
  writePolicy,
} from '../../retention/index.ts';
import type { Store } from '../../store/index.ts';
import { json } from '../arguments.ts';
import { defineCommand } from '../command.ts';
import { openStoreOf } from '../open-store.ts';
import { printJson, printLine } from '../output.ts';
import { addRetentionOptions, policyOf, type RetentionOptions } from '../retention-options.ts';
import { selectorOf } from '../selector-options.ts';
import { table, type Words } from '../styled-text.ts';

const ACTIONS = ['show', 'set', 'unset', 'clear'] as const;

export const command = defineCommand({
  examples: [
    ['taskfs policy set --keep-last 100 --keep-daily 30', 'What is kept of all tasks'],
    ['taskfs policy set --status failed --keep-within 90d', 'Keep failed ones longer'],
    ['taskfs policy set --max-size 50g --auto', 'A limit; applied by each task that ends'],
    ['taskfs policy', 'Show it'],
    ['taskfs policy unset --status failed', 'Remove the rule about failed ones'],
    ['taskfs policy clear', 'Keep everything'],
  ],
  about:
    "Sets what 'taskfs prune' without options keeps; with --auto, each task that ends " +
    "applies it. 'set' adds a rule about the tasks that --status, --name and --label " +
    'select, or replaces it. A task that any rule keeps stays, and so does one that no rule ' +
    'is about. Limits hold for the whole store.',
  build: (parser) =>
    addRetentionOptions(parser)
      .positional('action', {
        choices: ACTIONS,
        default: 'show' as const,
        describe: 'What to do: show, set, unset or clear',
      })
      .option('auto', {
        type: 'boolean',
        describe: 'Whether each task that ends applies it; --no-auto stops that',
      })
      .option('json', json()),
  run: async ({ options }) => {
    const store = openStoreOf(options);
    const { action } = options;
    if (action === 'set') set(store, options);
    if (action === 'unset') removeRule(store, selectorOf(options));
    if (action === 'clear') writePolicy(store, undefined);
    const policy = readPolicy(store);
    if (options.json) await printJson(policy ?? null);
    else
      for (const line of policy ? describe(policy) : ['Everything is kept.']) await printLine(line);
    return 0;
  },
});

function set(store: Store, options: RetentionOptions & { readonly auto?: boolean | undefined }) {
  const given = policyOf(options);
  const { auto } = options;
  if (isEmpty(given) && auto === undefined) {
    throw new TaskfsError('usage', "'taskfs policy set' needs to know what to keep", {
      hint: 'Give one of --keep-…, --older-than, --max-age, --max-size or --auto.',
    });
  }
  const { rules: _, ...limits } = given;
  if (Object.keys(limits).length > 0 && !selectsAll(selectorOf(options))) {
    throw new TaskfsError('usage', 'limits are those of the whole store', {
      hint: 'Give --max-age and --max-size in a call without --status, --name and --label.',
    });
  }
  changePolicy(store, { ...given, ...(auto !== undefined && { auto }) });
}

function describe({ rules, maxAgeMs, maxBytes, auto }: Policy): Words[] {
  return table([
    ...rules.map(({ select, keep }) => [`Of ${selectorKey(select)}:`, `keep ${showKeep(keep)}`]),
    ...(maxAgeMs === undefined ? [] : [['Remove after:', showDuration(maxAgeMs)]]),
    ...(maxBytes === undefined ? [] : [['Remove beyond:', showBytes(maxBytes)]]),
    ['Applied:', auto ? 'by each task that ends' : "by 'taskfs prune'"],
  ]);
}

function showKeep(keep: Keep): string {
  const { last, withinMs, newerThanMs } = keep;
  return [
    ...(last === undefined ? [] : [`the last ${last}`]),
    ...(withinMs === undefined ? [] : [`${showDuration(withinMs)} before the newest`]),
    ...(newerThanMs === undefined ? [] : [`what is newer than ${showDuration(newerThanMs)}`]),
    ...PERIODS.flatMap((period) =>
      keep[period] === undefined ? [] : [`${keep[period]} ${period}`],
    ),
  ].join(', ');
}
