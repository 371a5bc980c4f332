import { type ErrorKind, messageOf, TaskfsError } from '../../../errors.ts';

/** An answer of the engine that is not the one hoped for. */
interface ApiError extends Error {
  readonly statusCode?: number;
  readonly json?: { readonly message?: string } | null;
}

/** The HTTP status of an engine's answer; undefined where the engine did not answer. */
export function statusOf(error: unknown): number | undefined {
  return (error as ApiError).statusCode;
}

/** The engine says that there is no such container, image or service. */
export const isMissing = (error: unknown): boolean => statusOf(error) === 404;

/** The engine was not reached, or went away before it answered. */
export const isUnreachable = (error: unknown): boolean =>
  typeof (error as NodeJS.ErrnoException).code === 'string';

/** The engine's own words, without what the client puts before them. */
export function wordsOf(error: unknown): string {
  const words = (error as ApiError).json?.message ?? messageOf(error);
  return words.replace(/^\(HTTP code \d+\) [^-]*- /, '').trim();
}

interface Explanation {
  readonly pattern: RegExp;
  readonly kind: ErrorKind;
  readonly say: (match: RegExpMatchArray, subject: Subject) => string;
  readonly hint: string;
}

/** What an error is about, for its message. */
export interface Subject {
  readonly image: string;
  readonly command: readonly string[];
}

/** For mount sources that the engine does not see: even root may not enter a user's FUSE mount. */
export const UNSEEN_HINT =
  'Check -v. An engine on another machine sees only files of its own; and none sees what is in a ' +
  "FUSE mount of another user's, as of taskfs, unless that was made with --allow-other.";

/** A pattern that matches where one of these does, in any case of letters. */
const anyOf = (...patterns: readonly RegExp[]): RegExp =>
  new RegExp(patterns.map(({ source }) => source).join('|'), 'i');

// Texts of dockerd 20.10 to 28, runc, crun and podman. They are no interface: what is not
// recognised is passed on in the engine's words.
const explanations: readonly Explanation[] = [
  {
    pattern: anyOf(
      /bind source path does not exist: (.*)/,
      /statfs (.*): (?:no such file|permission denied)/,
      /invalid mount config.* l?stat (.*): permission denied/,
      /creating mount source path ['"](.*)['"]: mkdir .*: file exists/,
    ),
    kind: 'usage',
    say: ([, ...paths]) =>
      `the engine does not see ${paths.find((path) => path)}, which was to be mounted`,
    hint: UNSEEN_HINT,
  },
  {
    pattern: /executable file .*not found|exec: .*no such file or directory|stat .*: no such file/i,
    kind: 'command-not-found',
    say: (match, subject) =>
      `there is no command '${programOf(match, subject)}' in ${subject.image}`,
    hint: 'Check its spelling; an image without a shell has no sh.',
  },
  {
    pattern: /exec.*(permission denied|is a directory|exec format error)/i,
    kind: 'not-executable',
    say: (match, subject) =>
      `'${programOf(match, subject)}' in ${subject.image} cannot be executed`,
    hint: "It needs execute permission for the task's user, and to be a program for this machine.",
  },
  {
    pattern: anyOf(
      /minimum memory limit|memory limit too low|memory limit.*too small/,
      /OOM-killed|unable to set memory limit|invalid memory value/,
    ),
    kind: 'usage',
    say: () => 'the memory limit is too small for a container to start',
    hint: 'Give more with --memory; 6 MiB is the least, 16 MiB are safe.',
  },
  {
    pattern: /unable to find network with name or ID ([^\s:]+)|network (\S+) not found/i,
    kind: 'usage',
    say: ([, name, other]) => `the engine has no network '${name ?? other}'`,
    hint: "'docker network ls' lists them; none and host are always there.",
  },
  {
    pattern: /unable to find (?:user|group) ([^:\s]+)|looking up (?:user|group) "([^"]+)"/i,
    kind: 'usage',
    say: ([, name, other], { image }) => `${image} has no user '${name ?? other}'`,
    hint: 'Give --user as numbers, uid:gid, or as a name of the image.',
  },
  {
    pattern: /range of cpus is from/i,
    kind: 'usage',
    say: () => 'the machine has fewer CPUs than --cpus asks for',
    hint: "'docker info' says how many there are.",
  },
];

/**
 * The program that was to be executed, as the engine names
 * it: it may be an entrypoint, or the image's own command.
 */
function programOf({ input = '' }: RegExpMatchArray, { command }: Subject): string {
  const [, told] = /(?:exec: |executable file )["'`]([^"'`]+)["'`]/.exec(input) ?? [];
  return told ?? command[0] ?? '';
}

/** What kept a container from starting, as a TaskfsError. */
export function explainStart(error: unknown, subject: Subject): TaskfsError {
  if (error instanceof TaskfsError) return error;
  const words = wordsOf(error);
  for (const { pattern, kind, say, hint } of explanations) {
    const match = words.match(pattern);
    if (!match) continue;
    return new TaskfsError(kind, say(match, subject), { hint, cause: error });
  }
  const kind = statusOf(error) === 400 ? 'usage' : 'failed';
  return new TaskfsError(kind, `the engine does not start the container: ${words}`, {
    cause: error,
  });
}

const CONFLICT = 409;

/** What kept a further command in a container from starting, as a TaskfsError. */
export function explainExec(error: unknown, task: string): unknown {
  const status = statusOf(error);
  if (status === undefined) return error;
  const isOver = isMissing(error) || status === CONFLICT;
  return new TaskfsError(isOver ? 'usage' : 'failed', `task ${task}: ${wordsOf(error)}`, {
    hint: `'taskfs status ${task}' says how it stands.`,
    cause: error,
  });
}

/**
 * Passes over the refusal of a request whose container has
 * ended, or is in the requested state already.
 */
export async function ignoreEnded(request: Promise<unknown>): Promise<void> {
  try {
    await request;
  } catch (error) {
    const isDone = isMissing(error) || statusOf(error) === CONFLICT;
    if (
      !isDone &&
      !/not running|already paused|not paused|can only (kill|pause|unpause)/i.test(wordsOf(error))
    )
      throw error;
  }
}
