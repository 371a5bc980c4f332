import type { Argv } from 'yargs';
import { TaskfsError } from '../store/errors.ts';
import { exitCodeOfError } from './exit-code.ts';
import { printHelp, printVerbHelp, printVersion } from './help.ts';
import { ReaderGone } from './output.ts';
import { reportError } from './report-error.ts';
import { nearest } from './suggestion.ts';
import { findVerb, takesRest, type Verb, verbs } from './verbs.ts';

/** Runs one command line and returns its exit code. Whatever goes wrong is told on standard error. */
export async function runCommandLine(args: readonly string[]): Promise<number> {
  const debug = beforeSeparator(args).includes('--debug');
  let exitCodeOf = exitCodeOfError;
  try {
    const { verb, others } = splitVerb(args);
    if (verb === undefined) return await withoutVerb(others);
    const { command } = await verb.load();
    const rest = takesRest(verb) ? afterSeparator(others) : [];
    const own = takesRest(verb) ? beforeSeparator(others) : withoutSeparator(others);
    const parser = await createParser(verb);
    let code = 0;
    command.attach(parser, usageOf(verb), rest, (result) => {
      code = result;
    });
    if (own.includes('--help') || own.includes('-h')) {
      await printVerbHelp(verb, command, await parser.getHelp());
      return 0;
    }
    exitCodeOf = command.exitCodeOf;
    await parser.parseAsync(own);
    return code;
  } catch (error) {
    if (error instanceof ReaderGone) return 0;
    reportError(error, debug);
    return exitCodeOf(error);
  }
}

/** A verb's usage as the parser knows it; it sees nothing of what stands behind `--`. */
const usageOf = (verb: Verb): string => (takesRest(verb) ? '$0' : `$0 ${verb.arguments}`.trim());

function separatorIn(args: readonly string[]): number {
  const at = args.indexOf('--');
  return at === -1 ? args.length : at;
}

const beforeSeparator = (args: readonly string[]): string[] => args.slice(0, separatorIn(args));
const afterSeparator = (args: readonly string[]): string[] => args.slice(separatorIn(args) + 1);

/**
 * Behind `--` everything is a positional, also what begins with a dash. yargs drops such words where
 * a verb has positionals of its own; only paths begin with a dash, and a path may begin with `./`.
 */
function withoutSeparator(args: readonly string[]): string[] {
  const plain = afterSeparator(args).map((word) => (word.startsWith('-') ? `./${word}` : word));
  return [...beforeSeparator(args), ...plain];
}

/** The verb is the first argument that is neither an option nor the value of --store. */
function splitVerb(args: readonly string[]): { verb: Verb | undefined; others: string[] } {
  let at = 0;
  while (args[at]?.startsWith('-') && args[at] !== '--') at += args[at] === '--store' ? 2 : 1;
  const name = args[at];
  if (name === undefined || name === '--') return { verb: undefined, others: [...args] };
  const verb = findVerb(name);
  if (verb === undefined && name !== 'help') throw unknownVerb(name);
  return { verb, others: [...args.slice(0, at), ...args.slice(at + 1)] };
}

function unknownVerb(name: string): TaskfsError {
  const near = nearest(
    name,
    verbs.map((verb) => verb.name),
  );
  return new TaskfsError('usage', `there is no verb '${name}'`, {
    hint: near ? `Did you mean 'taskfs ${near}'?` : "'taskfs --help' lists all verbs.",
  });
}

async function withoutVerb(options: readonly string[]): Promise<number> {
  if (options.includes('--version')) await printVersion();
  else if (options.every(isHarmless)) await printHelp();
  else throw new TaskfsError('usage', 'no verb was given', { hint: "See 'taskfs --help'." });
  return 0;
}

const isHarmless = (option: string): boolean => ['--help', '-h', '--debug'].includes(option);

/** A parser for one verb: only its own module and yargs are loaded. */
async function createParser(verb: Verb): Promise<Argv<object>> {
  const { default: yargs } = await import('yargs');
  const parser: Argv<object> = yargs()
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
    .option('debug', { type: 'boolean', default: false, describe: 'Show where errors come from' })
    .group([], 'Positionals:')
    .group([], 'Options:')
    .group(['store', 'debug', 'help'], 'Everywhere:')
    .help()
    .alias('help', 'h')
    .version(false)
    .strict()
    .exitProcess(false);
  return parser.fail((message, error) => {
    // What yargs itself throws is about the command line too.
    if (error && error.name !== 'YError') throw error;
    throw usageError(verb, message ?? error.message, parser);
  });
}

function usageError(verb: Verb, message: string, parser: Argv<object>): TaskfsError {
  const help = `'taskfs ${verb.name} --help' shows how it is used.`;
  if (message.startsWith('Not enough non-option arguments')) {
    return new TaskfsError('usage', `'taskfs ${verb.name}' needs ${verb.arguments}`, {
      hint: help,
    });
  }
  const [, unknown] = /^Unknown arguments?: ([^,]+)/.exec(message) ?? [];
  if (unknown === undefined) return new TaskfsError('usage', lower(message), { hint: help });
  const near = nearest(unknown, optionsOf(parser));
  const behind = takesRest(verb)
    ? `The command stands behind two dashes: 'taskfs ${verb.name} -- CMD'. `
    : '';
  return new TaskfsError('usage', `'${unknown}' means nothing to 'taskfs ${verb.name}'`, {
    hint: near ? `Did you mean '--${near}'? ${help}` : `${behind}${help}`,
  });
}

const lower = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);

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
