import type { Argv } from 'yargs';
import { TaskfsError } from '../errors.ts';
import type { Selector } from '../retention/index.ts';
import type { Status } from '../store/index.ts';

const STATUSES = ['queued', 'running', 'completed', 'failed', 'cancelled'] as const;

/** Options that select tasks. */
export interface SelectorOptions {
  readonly status?: readonly string[] | undefined;
  readonly name?: string | undefined;
  readonly label?: readonly string[] | undefined;
}

/** The options `--status`, `--name` and `--label` of a verb that is about some of the tasks. */
export function addSelectorOptions<T>(parser: Argv<T>): Argv<T & SelectorOptions> {
  return addLabelOption(parser)
    .option('status', {
      type: 'string',
      array: true,
      nargs: 1,
      choices: STATUSES,
      describe: 'Only tasks of this status',
    })
    .option('name', {
      type: 'string',
      requiresArg: true,
      describe: "Only tasks whose name matches, as in 'nightly-*'",
    }) as Argv<T & SelectorOptions>;
}

/** The option `--label` alone. */
export function addLabelOption<T>(parser: Argv<T>): Argv<T & Pick<SelectorOptions, 'label'>> {
  return parser.option('label', {
    alias: 'l',
    type: 'string',
    array: true,
    nargs: 1,
    describe: 'Only tasks with this label, K=V, or K of any value',
  }) as Argv<T & Pick<SelectorOptions, 'label'>>;
}

/** These options together with what `--filter` says, in docker's words. Throws `usage`. */
export function withFilters(
  options: SelectorOptions,
  filters: readonly string[] = [],
): SelectorOptions {
  return filters.reduce(withFilter, options);
}

function withFilter(options: SelectorOptions, filter: string): SelectorOptions {
  const [key, ...rest] = filter.split('=');
  const value = rest.join('=');
  if (value !== '') {
    if (key === 'name') return { ...options, name: value };
    if (key === 'label') return { ...options, label: [...(options.label ?? []), value] };
    const status = STATUSES.find((each) => each === value);
    if (key === 'status' && status) {
      return { ...options, status: [...(options.status ?? []), status] };
    }
  }
  throw new TaskfsError('usage', `'${filter}' cannot be the value of --filter`, {
    hint: `Give name=PATTERN, label=K=V, or status= and one of ${STATUSES.join(', ')}.`,
  });
}

/** What these options select. Throws `usage` for a label without a name. */
export function selectorOf({ status, name, label }: SelectorOptions): Selector {
  return {
    ...(status && { status: status as readonly Status[] }),
    ...(name !== undefined && { name }),
    ...(label && { labels: Object.fromEntries(label.map(labelOf)) }),
  };
}

function labelOf(text: string): [string, string | null] {
  const [name = '', ...value] = text.split('=');
  if (name === '') {
    throw new TaskfsError('usage', `'${text}' cannot be the value of --label`, {
      hint: 'Give NAME=VALUE, or NAME alone for any value.',
    });
  }
  return [name, value.length === 0 ? null : value.join('=')];
}

/** The labels that a task gets, from `K=V` or `K` alone. Throws `usage` for one without a name. */
export function labelsOf(texts: readonly string[]): Record<string, string> {
  return Object.fromEntries(texts.map(labelOf).map(([name, value]) => [name, value ?? '']));
}
