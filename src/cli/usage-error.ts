import { TaskfsError } from '../store/errors.ts';
import { nearest } from './suggestion.ts';
import { takesRest, type Verb, verbs } from './verbs.ts';

/** There is no such verb, but perhaps one that is nearly called so. */
export function unknownVerb(name: string): TaskfsError {
  const near = nearest(
    name,
    verbs.map((verb) => verb.name),
  );
  return new TaskfsError('usage', `there is no verb '${name}'`, {
    hint: near ? `Did you mean 'taskfs ${near}'?` : "'taskfs --help' lists all verbs.",
  });
}

/** What yargs has against a verb's arguments, in our words; `known` are the names of its options. */
export function usageError(verb: Verb, message: string, known: readonly string[]): TaskfsError {
  const help = `'taskfs ${verb.name} --help' shows how it is used.`;
  if (message.startsWith('Not enough non-option arguments')) {
    return new TaskfsError('usage', `'taskfs ${verb.name}' needs ${verb.arguments}`, {
      hint: help,
    });
  }
  const [, unknown] = /^Unknown arguments?: ([^,]+)/.exec(message) ?? [];
  if (unknown === undefined) return new TaskfsError('usage', lower(message), { hint: help });
  const near = nearest(unknown, known);
  const behind = takesRest(verb)
    ? `The command stands behind two dashes: 'taskfs ${verb.name} -- CMD'. `
    : '';
  return new TaskfsError('usage', `'${unknown}' means nothing to 'taskfs ${verb.name}'`, {
    hint: near ? `Did you mean '--${near}'? ${help}` : `${behind}${help}`,
  });
}

const lower = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);
