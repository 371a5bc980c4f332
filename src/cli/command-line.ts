import { TaskfsError } from '../errors.ts';
import { ignoreInheritedSignals, rawArguments } from '../process/index.ts';
import { STANDARD_STREAM } from './command.ts';
import { exitCodeOfError } from './exit-code.ts';
import { printHelp, printVerbHelp, printVersion } from './help.ts';
import { drainStreams, flushOutput, ReaderGone, tolerateBrokenOutput } from './output.ts';
import { reportError, systemRefusal } from './report-error.ts';
import { unknownVerb } from './usage-error.ts';
import { createParser, usageOf } from './verb-parser.ts';
import { findVerb, takesRest, type Verb } from './verbs.ts';

/** What a shell asks, to complete a word: no verb of the table, which it needs itself. */
const completion: Verb = {
  name: 'complete',
  arguments: '-- WORD…',
  summary: '',
  load: () => import('./commands/complete.ts'),
};

/** Runs taskfs with its arguments, and returns the exit code once all is printed. */
export async function runProgram(args: readonly string[]): Promise<number> {
  ignoreInheritedSignals();
  tolerateBrokenOutput();
  const code = await runCommandLine(rawArguments(args));
  await drainStreams();
  return code;
}

/**
 * Runs one command line and returns its exit code. Reports on standard error whatever goes wrong.
 */
async function runCommandLine(typed: readonly string[]): Promise<number> {
  const args = typed[0] === 'help' ? [...typed.slice(1), '--help'] : typed;
  const debug = beforeSeparator(args).includes('--debug');
  let exitCodeOf = exitCodeOfError;
  let name = '';
  let code = 0;
  try {
    const { verb, others } = splitVerb(args);
    if (verb === undefined) return await withoutVerb(others);
    name = verb.name;
    const { command } = await verb.load();
    const rest = takesRest(verb) ? afterSeparator(others) : [];
    const own = takesRest(verb) ? beforeSeparator(others) : withoutSeparator(others);
    const parser = await createParser(verb, others.slice(0, separatorIn(others) + 1));
    command.attach(parser, usageOf(verb), rest, (result) => {
      code = result;
    });
    if (own.includes('--help') || own.includes('-h')) {
      await printVerbHelp(verb, command, await parser.getHelp());
      await flushOutput();
      return 0;
    }
    exitCodeOf = command.exitCodeOf;
    if (own.includes('-') && !command.takesStandardStreams) throw dashAlone();
    const words = own.map((word) => (word === '-' ? STANDARD_STREAM : word));
    await parser.parseAsync(withJoinedValues(words, command.dashedOptions));
    await flushOutput();
    return code;
  } catch (thrown) {
    if (thrown instanceof ReaderGone) return code;
    const error = systemRefusal(thrown, name) ?? thrown;
    reportError(error, debug);
    return exitCodeOf(error);
  }
}

function dashAlone(): TaskfsError {
  return new TaskfsError('usage', "taskfs does not take '-' for a standard stream", {
    hint: "A file of that name is './-'.",
  });
}

function separatorIn(args: readonly string[]): number {
  const at = args.indexOf('--');
  return at === -1 ? args.length : at;
}

const beforeSeparator = (args: readonly string[]): string[] => args.slice(0, separatorIn(args));
const afterSeparator = (args: readonly string[]): string[] => args.slice(separatorIn(args) + 1);

/**
 * After `--` everything is a positional, also what begins with a dash. yargs drops such words
 * where a verb has positionals of its own; only paths begin with a dash, and a path may begin with
 * `./`.
 */
function withoutSeparator(args: readonly string[]): string[] {
  const plain = afterSeparator(args).map((word) => (word.startsWith('-') ? `./${word}` : word));
  return [...beforeSeparator(args), ...plain];
}

/** `--sort -size` as `--sort=-size`: else the parser takes the value for an option. */
function withJoinedValues(words: readonly string[], options: readonly string[]): string[] {
  const isJoined = (at: number): boolean =>
    options.some((name) => words[at] === `--${name}`) && words[at + 1]?.startsWith('-') === true;
  return words.flatMap((word, at) => {
    if (isJoined(at)) return [`${word}=${words[at + 1]}`];
    return isJoined(at - 1) ? [] : [word];
  });
}

/** The verb is the first argument that is neither an option nor the value of --store. */
function splitVerb(args: readonly string[]): { verb: Verb | undefined; others: string[] } {
  let at = 0;
  while (args[at]?.startsWith('-') && args[at] !== '--') at += args[at] === '--store' ? 2 : 1;
  const name = args[at];
  if (name === undefined || name === '--') return { verb: undefined, others: [...args] };
  const verb = name === completion.name ? completion : findVerb(name);
  if (verb === undefined) throw unknownVerb(name);
  return { verb, others: [...args.slice(0, at), ...args.slice(at + 1)] };
}

async function withoutVerb(options: readonly string[]): Promise<number> {
  if (options.includes('--version')) await printVersion();
  else if (options.some(isHelp) || options.every(isHarmless)) await printHelp();
  else throw new TaskfsError('usage', 'no verb was given', { hint: "See 'taskfs --help'." });
  await flushOutput();
  return 0;
}

const isHelp = (option: string): boolean => ['--help', '-h'].includes(option);
const isHarmless = (option: string): boolean => ['--debug', '--utc'].includes(option);
