import { appendFileSync, readFileSync } from 'node:fs';
import { unlessMissing } from '../../../errno.ts';
import { isDiskFull } from '../../disk-reserve.ts';

/** The text of a file of notes; empty where there is none yet. */
export const readNotes = (path: string): string =>
  unlessMissing(() => readFileSync(path, 'utf8')) ?? '';

/** Adds a line to a file of notes. */
export function appendNote(path: string, line: string): void {
  try {
    appendFileSync(path, line, { mode: 0o600 });
  } catch (error) {
    // A full disk costs the exactness of a later recovery, never the task.
    if (!isDiskFull(error)) throw error;
  }
}
