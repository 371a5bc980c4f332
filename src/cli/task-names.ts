import type { Argv } from 'yargs';
import { parseTaskName, type TaskName } from '../store/index.ts';

/** Declares a verb's arguments, one or more names of tasks; `which` says of what kind. */
export function addTaskNames<T>(
  parser: Argv<T>,
  which: string,
): Argv<T & { readonly task: readonly TaskName[] }> {
  return parser.positional('task', {
    type: 'string',
    array: true,
    demandOption: true,
    describe: `Names of ${which}`,
    coerce: (names: readonly string[]): readonly TaskName[] => names.map(parseTaskName),
  });
}
