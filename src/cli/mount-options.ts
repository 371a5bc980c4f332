import type { Argv } from 'yargs';
import type { MountView } from '../fs/index.ts';
import { parseTaskName } from '../store/index.ts';
import { addSelectorOptions, type SelectorOptions, selectorOf } from './selector-options.ts';
import { parseDuration } from './units.ts';

/** Options that say which tasks a mount shows. */
export interface ViewOptions extends SelectorOptions {
  readonly task?: readonly string[] | undefined;
  readonly since?: string | undefined;
}

/** The options of `mount` by which it shows some of the tasks only. */
export function addViewOptions<T>(parser: Argv<T>): Argv<T & ViewOptions> {
  return addSelectorOptions(parser)
    .option('task', {
      type: 'string',
      array: true,
      nargs: 1,
      describe: 'Only this task; may be given more than once',
    })
    .option('since', {
      type: 'string',
      requiresArg: true,
      describe: 'Only tasks that have not ended, or did within this time, as in 7d',
    }) as Argv<T & ViewOptions>;
}

/** What these options select; undefined where that is every task. Throws `usage`. */
export function viewOf({ task, since, ...selector }: ViewOptions): MountView | undefined {
  const view: MountView = {
    ...selectorOf(selector),
    ...(task && { tasks: task.map(parseTaskName) }),
    ...(since !== undefined && { sinceMs: parseDuration('--since', since) }),
  };
  return Object.keys(view).length === 0 ? undefined : view;
}
