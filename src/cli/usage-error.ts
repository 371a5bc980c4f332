import { TaskfsError } from '../errors.ts';
import { nearest } from './suggestion.ts';
import { takesRest, type Verb, verbs } from './verbs.ts';

/** What other programs call what a verb does. */
const SYNONYMS: Readonly<Record<string, string>> = {
  stop: 'cancel',
  kill: 'cancel --kill',
  terminate: 'cancel',
  list: 'ps',
  jobs: 'ps -a',
  inspect: 'status --json',
  show: 'status',
  info: 'status',
  start: 'run',
  create: 'run',
  exec: 'run',
  remove: 'rm',
  delete: 'rm',
  umount: 'unmount',
  log: 'logs',
  tail: 'logs -f',
  unpause: 'resume',
  cp: 'export',
  check: 'verify',
  tree: 'watch',
  view: 'preview',
};

/** There is no such verb, but perhaps one that means the same, or is nearly called so. */
export function unknownVerb(name: string): TaskfsError {
  const names = verbs.map((verb) => verb.name);
  const near = Object.hasOwn(SYNONYMS, name) ? SYNONYMS[name] : nearest(name, names);
  return new TaskfsError('usage', `there is no verb '${name}'`, {
    hint: near ? `Did you mean 'taskfs ${near}'?` : "'taskfs --help' lists all verbs.",
  });
}

/**
 * What yargs has against a verb's arguments, in our words. `typed` are the arguments up to `--`, and
 * that where it stands; `known` are the names of the verb's options.
 */
export function usageError(
  verb: Verb,
  message: string,
  typed: readonly string[],
  known: readonly string[],
): TaskfsError {
  const help = `'taskfs ${verb.name} --help' shows how it is used.`;
  if (message.startsWith('Not enough non-option arguments')) {
    return new TaskfsError('usage', `'taskfs ${verb.name}' needs ${verb.arguments}`, {
      hint: help,
    });
  }
  const [, list] = /^Unknown arguments?: (.+)$/s.exec(message) ?? [];
  if (list === undefined) return new TaskfsError('usage', lower(message), { hint: help });
  const names = list.split(', ');
  const word = typed.find((each) => names.includes(each));
  const unknown = typed.find((each) => each.startsWith('-') && isNamed(each, names));
  const near = unknown && nearest(optionName(unknown), known);
  if (takesRest(verb) && word !== undefined && !typed.includes('--') && !near) {
    return new TaskfsError('usage', `the command of 'taskfs ${verb.name}' comes after '--'`, {
      hint: `Write 'taskfs ${verb.name} -- ${word} …'; options of taskfs come before the dashes.`,
    });
  }
  const what = unknown ?? names[0];
  return new TaskfsError('usage', `'taskfs ${verb.name}' does not take '${what}'`, {
    hint: near ? `Did you mean '--${near}'? ${help}` : help,
  });
}

const optionName = (typed: string): string => typed.replace(/^-+/, '').replace(/=.*$/s, '');

/** Whether yargs, which names options without their dashes and one letter at a time, means this one. */
function isNamed(typed: string, names: readonly string[]): boolean {
  const name = optionName(typed);
  return names.includes(name) || (!typed.startsWith('--') && names.includes(name.charAt(0)));
}

const lower = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);
