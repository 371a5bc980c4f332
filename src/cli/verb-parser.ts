import type { Argv } from 'yargs';
import { helpWidth } from './help.ts';
import { usageError } from './usage-error.ts';
import { beforeRest, isPositional, type Verb } from './verbs.ts';

/** A verb's usage as the parser knows it; it does not see what follows `--`. */
export const usageOf = (verb: Verb): string => `$0 ${beforeRest(verb)}`.trim();

/**
 * A parser for one verb: only its own module and yargs are loaded. `typed` are the verb's
 * arguments up to `--`, and that where it stands, for messages.
 */
export async function createParser(
  verb: Verb,
  typed: readonly string[] = [],
): Promise<Argv<object>> {
  const { default: yargs } = await import('yargs');
  // It would look for a configuration in the current directory, which may not even be there any
  // more.
  const parser: Argv<object> = yargs([], '/')
    .scriptName(`taskfs ${verb.name}`)
    .usage('')
    .parserConfiguration({ 'parse-numbers': false, 'parse-positional-numbers': false })
    .detectLocale(false)
    .wrap(helpWidth())
    .option('store', {
      type: 'string',
      requiresArg: true,
      describe: 'The store; else $TASKFS_STORE, else the user’s data directory',
    })
    .option('utc', { type: 'boolean', default: false, describe: 'Times in UTC, not in your zone' })
    .option('debug', { type: 'boolean', default: false, describe: 'Show where errors come from' })
    .group([], 'Positionals:')
    .group([], 'Options:')
    .help()
    .alias('help', 'h')
    .version(false)
    .strict()
    .exitProcess(false);
  return parser.fail((message, error) => {
    // What yargs itself throws is about the command line too.
    if (error && error.name !== 'YError') throw error;
    throw usageError(verb, message ?? error.message, typed, optionsOf(parser));
  });
}

/** The options of a verb: their names, each with the values that it takes where these are few. */
export async function optionsOfVerb(verb: Verb): Promise<Map<string, readonly string[]>> {
  const parser = await createParser(verb);
  const { command } = await verb.load();
  command.attach(parser, usageOf(verb), [], () => {});
  // Its help is what makes yargs build the options without a run.
  await parser.getHelp();
  const { choices } = declared(parser);
  const names = optionsOf(parser).filter((name) => !isPositional(verb, name));
  return new Map(names.map((name) => [name, choices[name] ?? []]));
}

const optionsOf = (parser: Argv<object>): string[] => Object.keys(declared(parser).key);

/** What yargs was told, which its types do not show. */
function declared(parser: Argv<object>) {
  const own = parser as unknown as {
    getOptions(): {
      readonly key: Readonly<Record<string, unknown>>;
      readonly choices: Readonly<Record<string, readonly string[]>>;
    };
  };
  return own.getOptions();
}
