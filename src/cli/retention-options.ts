import type { Argv } from 'yargs';
import { type Keep, PERIODS, type Policy } from '../retention/index.ts';
import { addSelectorOptions, type SelectorOptions, selectorOf } from './selector-options.ts';
import { parseBytes, parseCount, parseDuration } from './units.ts';

/** Options that say what is kept. */
export type RetentionOptions = SelectorOptions & {
  readonly [Option in keyof typeof options]?: string | undefined;
};

const text = (describe: string) => ({ type: 'string', requiresArg: true, describe }) as const;

const options = {
  'keep-last': text('Keep this many of the newest'),
  'keep-within': text('Keep what was sealed in this time before the newest, as in 30d'),
  'keep-hourly': text('Keep the newest of each of the last N hours that have tasks'),
  'keep-daily': text('The same for days'),
  'keep-weekly': text('The same for weeks'),
  'keep-monthly': text('The same for months'),
  'keep-yearly': text('The same for years'),
  'older-than': text('Remove what was sealed longer ago, unless another option keeps it'),
  'max-age': text('Remove what was sealed longer ago, whatever keeps it'),
  'max-size': text('Remove the oldest until all archives take no more, as in 50g'),
} as const;

/** The options `--keep-…`, `--max-…` and those that select tasks. */
export function addRetentionOptions<T>(parser: Argv<T>): Argv<T & RetentionOptions> {
  return addSelectorOptions(parser).options(options) as unknown as Argv<T & RetentionOptions>;
}

/** What these options ask for, as a policy of at most one rule. Throws `usage`. */
export function policyOf(given: RetentionOptions): Policy {
  const keep = keepOf(given);
  const { 'max-age': age, 'max-size': size } = given;
  return {
    rules: Object.keys(keep).length === 0 ? [] : [{ select: selectorOf(given), keep }],
    ...(age !== undefined && { maxAgeMs: parseDuration('--max-age', age) }),
    ...(size !== undefined && { maxBytes: parseBytes('--max-size', size) }),
  };
}

function keepOf(given: RetentionOptions): Keep {
  const { 'keep-last': last, 'keep-within': within, 'older-than': age } = given;
  const periods = PERIODS.flatMap((period) => {
    const count = given[`keep-${period}`];
    return count === undefined ? [] : [[period, parseCount(`--keep-${period}`, count, 0)]];
  });
  return {
    ...(last !== undefined && { last: parseCount('--keep-last', last, 0) }),
    ...(within !== undefined && { withinMs: parseDuration('--keep-within', within) }),
    ...(age !== undefined && { newerThanMs: parseDuration('--older-than', age) }),
    ...Object.fromEntries(periods),
  };
}
