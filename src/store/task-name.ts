import { randomBytes } from 'node:crypto';
import { TaskfsError } from '../errors.ts';

declare const branded: unique symbol;
/** A checked task name: only this type may become part of a path. */
export type TaskName = string & { readonly [branded]: true };

const PATTERN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

export function isTaskName(text: string): text is TaskName {
  return PATTERN.test(text);
}

/** Checks a name that came from outside. Throws `usage`. */
export function parseTaskName(text: string): TaskName {
  if (isTaskName(text)) return text;
  throw new TaskfsError('usage', `'${printable(text)}' cannot be a task's name`, {
    hint:
      'Use 1 to 128 letters, digits, dots, dashes and underscores, beginning with a ' +
      'letter or digit.',
  });
}

function printable(text: string): string {
  const short = text.length > 60 ? `${text.slice(0, 57)}...` : text;
  return JSON.stringify(short).slice(1, -1);
}

/** A fresh name, unique and sorting by time: `20261123-204501-k3f9`. */
export function makeTaskName(now: Date = new Date()): TaskName {
  const stamp = now.toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, 15);
  const tail = randomBytes(4).readUInt32BE().toString(36).padStart(7, '0').slice(0, 4);
  return `${stamp}-${tail}` as TaskName;
}
