import type { Argv } from 'yargs';
import { TaskfsError } from '../errors.ts';
import { isPlainText, showText } from '../process/index.ts';
import { exitCodeOfError } from './exit-code.ts';

/** Options that every verb has. */
export interface CommonOptions {
  readonly store: string | undefined;
  readonly debug: boolean;
  /** Times for people are in UTC. */
  readonly utc: boolean;
}

/** Their names, and that of the help. */
const COMMON = ['store', 'utc', 'debug', 'help'];

/** What a verb was called with. */
export interface Call<Options> {
  readonly options: Options & CommonOptions;
  /** What came after `--`, untouched; only `run` takes it. */
  readonly rest: readonly string[];
}

/**
 * A positional `-`, as a verb sees it that takes one: the parser would make nothing of it. No
 * argument of a process holds a NUL.
 */
export const STANDARD_STREAM = '\0-';

/** A line of a verb's help, and what it does. */
export type Example = readonly [line: string, meaning: string];

interface Definition<Options> {
  /** Shown before all else in the verb's help. */
  readonly examples: readonly Example[];
  /** What the summary leaves out; a paragraph. */
  readonly about?: string;
  /**
   * Options and positionals that may be any bytes, as text of `decodeBytes`; all others are UTF-8.
   */
  readonly rawOptions?: readonly string[];
  /** A positional `-` is a standard stream. */
  readonly takesStandardStreams?: boolean;
  /** Options whose value may begin with a dash. */
  readonly dashedOptions?: readonly string[];
  readonly build: (parser: Argv<object>) => Argv<Options>;
  /** Does the work and returns the exit code; nothing means 0. */
  readonly run: (call: Call<Options>) => Promise<number | undefined> | number | undefined;
  /** The exit code for what `run` throws. */
  readonly exitCodeOf?: (error: unknown) => number;
}

/** A verb's own part, in a form that knows nothing of its options' types. */
export interface Command {
  readonly examples: readonly Example[];
  readonly about: string | undefined;
  /** Whether a positional `-` is a standard stream. */
  readonly takesStandardStreams: boolean;
  /** Options whose value may begin with a dash. */
  readonly dashedOptions: readonly string[];
  readonly exitCodeOf: (error: unknown) => number;
  /** Adds the verb to a parser; `finish` gets what its run returns. */
  attach(
    parser: Argv<object>,
    usage: string,
    rest: readonly string[],
    finish: (code: number) => void,
  ): Argv<object>;
}

/** Defines a verb; the types of its options follow from `build`. */
export function defineCommand<Options>(definition: Definition<Options>): Command {
  const { examples, about, rawOptions = [], build, run, exitCodeOf = exitCodeOfError } = definition;
  return {
    examples,
    about,
    takesStandardStreams: definition.takesStandardStreams ?? false,
    dashedOptions: definition.dashedOptions ?? [],
    exitCodeOf,
    attach: (parser, usage, rest, finish) =>
      parser.command({
        command: usage,
        // Its own options come first in its help.
        builder: (own: Argv<object>) => (build(own) as Argv<object>).group(COMMON, 'Everywhere:'),
        handler: async (options) => {
          assertText(options, rawOptions);
          const call = { options: options as unknown as Options & CommonOptions, rest };
          finish((await run(call)) ?? 0);
        },
      }),
  };
}

/** Refuses what is not UTF-8 where a text is asked for: it would be changed on its way. */
function assertText(options: object, raw: readonly string[]): void {
  // One letter is another name for an option that is there by its own.
  const own = Object.entries(options).filter(([name]) => name.length > 1 && !raw.includes(name));
  const wrong = own
    .flatMap(([, value]) => value)
    .find((value) => typeof value === 'string' && !isPlainText(value));
  if (wrong === undefined) return;
  throw new TaskfsError('usage', `'${showText(String(wrong))}' is not UTF-8`, {
    hint: 'Only paths of artifacts, and commands of local tasks, may be any bytes.',
  });
}
