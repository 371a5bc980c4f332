import { Errno, errno, errnoOf, errnoWords } from '../errno.ts';
import { messageOf, TaskfsError } from '../errors.ts';
import { say } from './output.ts';
import { paint } from './styled-text.ts';

/** Says what went wrong and what to do next; the stack only with --debug. */
export function reportError(error: unknown, debug: boolean): void {
  say([paint('red', 'taskfs:'), ` ${messageOf(error)}`], ...whatNext(error, debug));
}

function whatNext(error: unknown, debug: boolean): string[] {
  const hint = error instanceof TaskfsError && error.hint !== undefined ? [error.hint] : [];
  if (debug) return [...hint, ...stackOf(error).split('\n')];
  if (error instanceof TaskfsError) return hint;
  return ['This was not expected: --debug shows where it came from.'];
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return '';
  const cause =
    error.cause === undefined ? '' : `\ncaused by: ${stackOf(error.cause) || error.cause}`;
  return `${error.stack ?? error.message}${cause}`;
}

/** What a person can do about a refusal of the system, where that is known. */
const WAYS_OUT: ReadonlyMap<number, string> = new Map([
  ...[errno.EACCES, errno.EPERM].map(
    (number) => [number, "Check its owner and mode: 'ls -ld' shows both."] as const,
  ),
  ...[errno.ENOSPC, errno.EDQUOT].map(
    (number) => [number, 'Free some space there, then try again.'] as const,
  ),
  ...[errno.EMFILE, errno.ENFILE].map(
    (number) =>
      [number, "Too many files are open: 'ulimit -n' shows and raises the limit."] as const,
  ),
  [errno.EROFS, 'The file system there is mounted read-only.'],
  [errno.EIO, "The medium or its file system has a fault: the kernel's log ('dmesg') says more."],
  [errno.ESTALE, 'The file system there no longer knows the file: try again, or remount it.'],
  [errno.ENOMEM, 'Free some memory, then try again.'],
]);

/**
 * A refusal of the operating system that nobody above foresaw, as an error for a person: it names
 * the call and the path where Node names them, else the verb. Undefined where the error is
 * something else.
 */
export function systemRefusal(error: unknown, verb: string): TaskfsError | undefined {
  if (!(error instanceof Errno) && !isSystemError(error)) return undefined;
  const number = errnoOf(error);
  const what = error instanceof Errno ? `'taskfs ${verb}'` : subjectOf(error, verb);
  return new TaskfsError('failed', `${what} failed: ${errnoWords(number)}`, {
    hint: WAYS_OUT.get(number) ?? '--debug shows where it came from.',
    cause: error,
  });
}

/**
 * Errors of Node's own calls, which carry a number; those of programs that it starts do as well.
 */
function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  if (!(error instanceof Error)) return false;
  const { errno: number, syscall } = error as NodeJS.ErrnoException;
  return typeof number === 'number' && typeof syscall === 'string';
}

function subjectOf({ syscall, path }: NodeJS.ErrnoException, verb: string): string {
  return path === undefined ? `'${syscall}' for 'taskfs ${verb}'` : `'${syscall}' of '${path}'`;
}
