import { messageOf, TaskfsError } from '../errors.ts';
import { say } from './output.ts';
import { paint } from './words.ts';

/** Says what went wrong and what to do next; the stack only with --debug. */
export function reportError(error: unknown, debug: boolean): void {
  say([paint('red', 'taskfs:'), ` ${messageOf(error)}`]);
  if (error instanceof TaskfsError && error.hint !== undefined) say(error.hint);
  if (debug) for (const line of stackOf(error).split('\n')) say(line);
  else if (!(error instanceof TaskfsError))
    say('This was not expected: --debug shows where it came from.');
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return '';
  const cause =
    error.cause === undefined ? '' : `\ncaused by: ${stackOf(error.cause) || error.cause}`;
  return `${error.stack ?? error.message}${cause}`;
}
