import type { Argv } from 'yargs';
import { encodeText } from '../process/index.ts';
import { parseTaskName, type TaskName } from '../store/index.ts';

/** Declares a verb's task; `which` says of what kind. */
export function addTask<T>(parser: Argv<T>, which = 'a task') {
  return parser
    .positional('task', { type: 'string', demandOption: true, describe: `Name of ${which}` })
    .middleware(convert('task', parseTaskName)) as Argv<T & { readonly task: TaskName }>;
}

/** Declares the task that a verb is about, where it is not about all. */
export function addTaskOrAll<T>(parser: Argv<T>) {
  return parser
    .positional('task', { type: 'string', describe: 'Name of a task; else all' })
    .middleware(convert('task', parseTaskName)) as Argv<T & { readonly task?: TaskName }>;
}

/** Declares a verb's tasks, one or more; `which` says of what kind. */
export function addTasks<T>(parser: Argv<T>, which = 'tasks') {
  const describe = `Names of ${which}`;
  const parse = (names: readonly string[]): TaskName[] => names.map(parseTaskName);
  return parser
    .positional('task', { type: 'string', array: true, demandOption: true, describe })
    .middleware(convert('task', parse)) as Argv<T & { readonly task: readonly TaskName[] }>;
}

/** The same where another option may name them. */
export function addTasksOrNone<T>(parser: Argv<T>) {
  const parse = (names: readonly string[]): TaskName[] => names.map(parseTaskName);
  return parser
    .positional('task', { type: 'string', array: true, default: [], describe: 'Names of tasks' })
    .middleware(convert('task', parse)) as Argv<T & { readonly task: readonly TaskName[] }>;
}

/** Declares a path in the task's files, of any bytes. */
export function addPath<T>(parser: Argv<T>, describe: string) {
  return parser
    .positional('path', { type: 'string', demandOption: true, describe })
    .middleware(convert('path', encodeText)) as Argv<T & { readonly path: Buffer }>;
}

/** The same; left out, it is the top of the task's files. */
export function addPathOrTop<T>(parser: Argv<T>, describe: string) {
  return parser
    .positional('path', { type: 'string', default: '', describe })
    .middleware(convert('path', encodeText)) as Argv<T & { readonly path: Buffer }>;
}

/** As `coerce` of yargs does, which drops the hint of an error on its way. */
function convert<Text>(name: string, parse: (text: Text) => unknown) {
  return (args: Record<string, unknown>): void => {
    if (args[name] !== undefined) args[name] = parse(args[name] as Text);
  };
}

/** The option `--json`; `what` says what is printed then. */
export const json = (what = 'a JSON object') =>
  ({ type: 'boolean', default: false, describe: `Print ${what}` }) as const;

/** The option `--keep-setid` of verbs that copy files out. */
export const keepSetIdOption = {
  type: 'boolean',
  default: false,
  describe: 'Keep set-user-ID and set-group-ID bits: only for tasks that you trust',
} as const;

/** The option `--thumbnails` of verbs that remove tasks. */
export const thumbnailsOption = {
  type: 'boolean',
  default: false,
  describe: 'Remove your thumbnails of their files too, which desktops keep in plaintext',
} as const;
