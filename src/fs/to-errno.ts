import { writeSync } from 'node:fs';
import { Errno, errno, errnoOf } from '../errno.ts';
import { messageOf, TaskfsError } from '../errors.ts';
import { printableText } from '../printable.ts';

const STDERR = 2;
const REMEMBERED = 1000;
const said = new Set<string>();

/**
 * Writes one line for the person who runs the server, once for each text. By a plain write: the
 * thread that serves never returns to its event loop, and streams would keep the line for ever.
 */
export function report(line: string): void {
  if (said.has(line)) return;
  if (said.size >= REMEMBERED) said.clear();
  said.add(line);
  try {
    writeSync(STDERR, `taskfs: ${printableText(line)}\n`);
  } catch {
    // Nobody reads it any more; the caller still gets its errno.
  }
}

/**
 * The refusal that anything thrown by Node's fs or by the store stands for. What nobody foresaw is
 * EIO, and reported.
 */
export function toErrno(error: unknown): Errno {
  if (error instanceof Errno) return error;
  if (error instanceof TaskfsError) return refusalOf(error);
  if (typeof (error as NodeJS.ErrnoException).errno === 'number') return Errno.of(errnoOf(error));
  report(error instanceof Error ? (error.stack ?? error.message) : String(error));
  return Errno.of(errno.EIO);
}

function refusalOf(error: TaskfsError): Errno {
  report(messageOf(error));
  if (error.kind === 'wrong-key') return Errno.of(errno.EACCES);
  return Errno.of(error.kind === 'not-found' ? errno.ENOENT : errno.EIO);
}
