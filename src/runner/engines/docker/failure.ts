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
  readonly task: string;
  readonly image: string;
  readonly command: readonly string[];
}

/** For what was to be mounted and the engine does not see: root itself may not enter a user's FUSE mount. */
export const UNSEEN_HINT =
  'Check -v. An engine on another machine sees only files of its own; and none sees what is in a FUSE ' +
  "mount of another user's, as of taskfs, unless that was made with --allow-other.";

// Texts of dockerd 20.10 to 28, runc, crun and podman. They are no interface: what is not
// recognised is passed on in the engine's words.
const explanations: readonly Explanation[] = [
  {
    pattern:
      /bind source path does not exist: (.*)|statfs (.*): (?:no such file|permission denied)|invalid mount config.* l?stat (.*): permission denied|creating mount source path ['"](.*)['"]: mkdir .*: file exists/i,
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
    pattern:
      /minimum memory limit|memory limit too low|OOM-killed|memory limit.*too small|unable to set memory limit|invalid memory value/i,
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
    say: ([, name, other], { image }) => `${image} knows no user '${name ?? other}'`,
    hint: 'Give --user as numbers, uid:gid, or as a name of the image.',
  },
  {
    pattern: /range of cpus is from/i,
    kind: 'usage',
    say: () => 'the machine has fewer CPUs than --cpus asks for',
    hint: "'docker info' says how many there are.",
  },
];

/** What was to be executed: the engine tells, since an entrypoint, or the image's own command, may stand before. */
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
    return new TaskfsError(kind, `task ${subject.task}: ${say(match, subject)}`, {
      hint,
      cause: error,
    });
  }
  const kind = statusOf(error) === 400 ? 'usage' : 'failed';
  return new TaskfsError(kind, `task ${subject.task}: the container did not start: ${words}`, {
    cause: error,
  });
}
