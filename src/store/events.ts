import { appendFileSync } from 'node:fs';
import { readRegularFile } from './regular-file.ts';

/** One line of `events.jsonl`: what happened to a task and when (ISO 8601, UTC). */
export interface TaskEvent {
  readonly type: string;
  readonly at: string;
  readonly task: string;
  readonly [detail: string]: unknown;
}

/** Appends one event, as one write: lines of several writers never mix. */
export function appendEvent(path: string, event: TaskEvent): void {
  appendFileSync(path, `${JSON.stringify(event)}\n`, { mode: 0o600 });
}

/** All events of a task in order; a line cut off by a crash or a full disk is left out. */
export function readEvents(path: string): TaskEvent[] {
  return readOptional(path)
    .split('\n')
    .slice(0, -1)
    .flatMap((line) => parse(line));
}

function parse(line: string): TaskEvent[] {
  try {
    return [JSON.parse(line) as TaskEvent];
  } catch {
    return [];
  }
}

/** More is no text for Node. */
const MAX_EVENTS = 500 * 1024 * 1024;

function readOptional(path: string): string {
  try {
    return readRegularFile(path, MAX_EVENTS).toString('utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}
