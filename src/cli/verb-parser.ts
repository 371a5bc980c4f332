import type { Argv } from 'yargs';
import { usageError } from './usage-error.ts';
import { beforeRest, type Verb } from './verbs.ts';

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
    .wrap(Math.min(process.stdout.columns || 100, 100))
    .option('store', {
      type: 'string',
      requiresArg: true,
      describe: 'The store; else $TASKFS_STORE, else the user’s data directory',
    })
    .option('utc', { type: 'boolean', default: false, describe: 'Times in UTC, not in your zone' })
    .option('debug', { type: 'boolean', default: false, describe: 'Show where errors come from' })
    .group([], 'Positionals:')
    .group([], 'Options:')
    .group(['store', 'utc', 'debug', 'help'], 'Everywhere:')
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

/** Names of all options of a verb. */
export async function optionsOfVerb(verb: Verb): Promise<string[]> {
  const parser = await createParser(verb);
  const { command } = await verb.load();
  command.attach(parser, usageOf(verb), [], () => {});
  // Its help is what makes yargs build the options without a run.
  await parser.getHelp();
  return optionsOf(parser).filter((name) => !isPositional(verb, name));
}

const isPositional = (verb: Verb, name: string): boolean =>
  new RegExp(`[<[]${name}(\\.\\.)?[>\\]]`).test(verb.arguments);

function optionsOf(parser: Argv<object>): string[] {
  const { key } = (
    parser as unknown as { getOptions(): { key: Record<string, unknown> } }
  ).getOptions();
  return Object.keys(key);
}
