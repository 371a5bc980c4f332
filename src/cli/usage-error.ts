import { TaskfsError } from '../errors.ts';
import { beforeRest, isPositional, takesRest, type Verb, verbs } from './verbs.ts';

/** What other programs call what a verb does. */
const SYNONYMS: Readonly<Record<string, string>> = {
  stop: 'cancel',
  kill: 'cancel --kill',
  terminate: 'cancel',
  abort: 'cancel',
  list: 'ps',
  jobs: 'ps -a',
  history: 'ps -a',
  container: 'ps',
  inspect: 'status --json',
  show: 'status',
  describe: 'status',
  start: 'run',
  create: 'run',
  restart: 'rerun',
  retry: 'rerun',
  top: 'stats',
  port: 'status --json',
  diff: 'watch',
  remove: 'rm',
  delete: 'rm',
  df: 'du',
  system: 'info',
  store: 'info',
  version: '--version',
  umount: 'unmount',
  log: 'logs',
  tail: 'logs -f',
  journal: 'logs',
  unpause: 'resume',
  copy: 'cp',
  mv: 'rename',
  download: 'export',
  save: 'export --format tar',
  load: 'import',
  check: 'verify',
  tree: 'watch',
  view: 'preview',
  shell: 'exec -it',
};

/** Verbs of docker for what is the engine's alone. */
const OF_THE_ENGINE: ReadonlySet<string> = new Set(
  'images image pull push build network volume login logout search tag commit compose'.split(' '),
);

/** There is no such verb, but perhaps one that means the same, or is nearly called so. */
export function unknownVerb(name: string): TaskfsError {
  if (OF_THE_ENGINE.has(name)) {
    return new TaskfsError('usage', `there is no verb '${name}'`, {
      hint: `That is the engine's: 'docker ${name}'. 'taskfs run --image' fetches what it needs.`,
    });
  }
  const names = verbs.map((verb) => verb.name);
  const near = Object.hasOwn(SYNONYMS, name) ? SYNONYMS[name] : nearest(name, names);
  return new TaskfsError('usage', `there is no verb '${name}'`, {
    hint: near ? `Did you mean 'taskfs ${near}'?` : "'taskfs --help' lists all verbs.",
  });
}

/**
 * What yargs has against a verb's arguments, in our words. `typed` are the arguments up to `--`,
 * and that where it stands; `known` are the names of the verb's options.
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
  if (list === undefined) return badValue(verb, message, help);
  const names = list.split(', ');
  const word = typed.find((each) => names.includes(each));
  const unknown = typed.find((each) => each.startsWith('-') && isNamed(each, names));
  const near = unknown && nearest(optionName(unknown), known);
  if (takesRest(verb) && word !== undefined && !typed.includes('--') && !near) {
    const call =
      `taskfs ${verb.name} ${beforeRest(verb).replace(/[<>]/g, '').toUpperCase()}`.trim();
    return new TaskfsError('usage', `the command of 'taskfs ${verb.name}' comes after '--'`, {
      hint: `Write '${call} -- ${word} …'; options of taskfs come before the dashes.`,
    });
  }
  const what = unknown ?? names[0];
  return new TaskfsError('usage', `'taskfs ${verb.name}' does not take '${what}'`, {
    hint: near ? `Did you mean '--${near}'? ${help}` : help,
  });
}

/** An option without its value, or a value that is none of those to choose from. */
function badValue(verb: Verb, message: string, help: string): TaskfsError {
  const [, missing] = /^Missing required arguments?: (.+)$/s.exec(message) ?? [];
  if (missing !== undefined) {
    const options = missing.split(', ').map(dashed).join(' and ');
    return new TaskfsError('usage', `'taskfs ${verb.name}' needs ${options}`, { hint: help });
  }
  const [, bare] = /^Not enough arguments following: (.+)$/s.exec(message) ?? [];
  if (bare !== undefined) {
    return new TaskfsError('usage', `${dashed(bare)} needs a value`, { hint: help });
  }
  const [, one, other] = /^Arguments (\S+) and (\S+) are mutually exclusive$/.exec(message) ?? [];
  if (one !== undefined && other !== undefined) {
    const message = `${dashed(one)} and ${dashed(other)} cannot be given together`;
    return new TaskfsError('usage', message, { hint: help });
  }
  const [, name, given, choices] =
    /Argument: (.+?), Given: "(.*)", Choices: (.+)$/m.exec(message) ?? [];
  if (name === undefined) return new TaskfsError('usage', lower(message), { hint: help });
  const what = isPositional(verb, name)
    ? `the ${name} of 'taskfs ${verb.name}'`
    : `the value of ${dashed(name)}`;
  return new TaskfsError('usage', `'${given}' cannot be ${what}`, {
    hint: `Choose from ${choices?.replaceAll('"', '')}.`,
  });
}

const dashed = (option: string): string => `${option.length === 1 ? '-' : '--'}${option}`;

const optionName = (typed: string): string => typed.replace(/^-+/, '').replace(/=.*$/s, '');

/**
 * Whether yargs, which names options without their dashes and one letter at a time, means this
 * one.
 */
function isNamed(typed: string, names: readonly string[]): boolean {
  const name = optionName(typed);
  return names.includes(name) || (!typed.startsWith('--') && names.includes(name.charAt(0)));
}

const lower = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);

/**
 * The word nearest to a mistyped one, or undefined where none is near. One letter is near to
 * nothing.
 */
function nearest(word: string, known: readonly string[]): string | undefined {
  if (word.length < 2) return undefined;
  const ranked = known
    .filter((candidate) => candidate.length > 1)
    .map((candidate) => ({ candidate, distance: distance(word, candidate) }))
    .sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  const limit = word.length < 5 ? 1 : 2;
  return best && best.distance <= limit ? best.candidate : undefined;
}

/** Optimal string alignment: insertions, deletions, replacements, and two neighbours exchanged. */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swapped = isSwap ? (before[j - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY;
      next.push(Math.min(replaced, swapped, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    [before, row] = [row, next];
  }
  return row[b.length] ?? 0;
}
