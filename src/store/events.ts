import { appendFileSync } from 'node:fs';
import { readOptionalText, writeFileAtomic } from '../files/index.ts';
import type { TaskName } from './task-name.ts';

/** One line of `events.jsonl`: what happened to a task and when (ISO 8601, UTC). */
export interface TaskEvent {
  readonly type: string;
  readonly at: string;
  readonly task: TaskName;
  readonly [detail: string]: unknown;
}

/** Appends one event, as one write: lines of several writers never mix. */
export function appendEvent(path: string, event: TaskEvent): void {
  appendFileSync(path, `${JSON.stringify(event)}\n`, { mode: 0o600 });
}

/**
 * Removes the names of files from a task's events once they are sealed: which were not closed, and
 * why sealing failed before. The number of lines and their order stay, since followers count them.
 * Only for the holder of the task's lock.
 */
export function forgetNames(path: string): void {
  const text = readOptionalText(path, MAX_EVENTS);
  const without = text.replace(/^.*$/gm, (line) => {
    const [event] = parse(line);
    return event && namesFiles(event) ? JSON.stringify(nameless(event)) : line;
  });
  if (without !== text) writeFileAtomic(path, without);
}

const namesFiles = ({ writers, error, type }: TaskEvent): boolean =>
  writers !== undefined || (type === 'kept' && error !== undefined);

function nameless({ writers, error: _error, ...event }: TaskEvent): TaskEvent {
  if (!Array.isArray(writers)) return event;
  return { ...event, writers: writers.map(({ path: _path, ...writer }) => writer) };
}

/** All events of a task in order; a line cut off by a crash or a full disk, or that is none, is
 * left out. */
export function readEvents(path: string): TaskEvent[] {
  return readOptionalText(path, MAX_EVENTS)
    .split('\n')
    .slice(0, -1)
    .flatMap((line) => parse(line));
}

function parse(line: string): TaskEvent[] {
  try {
    const event = JSON.parse(line) as Partial<TaskEvent> | null;
    const isEvent = typeof event?.type === 'string' && typeof event.at === 'string';
    return isEvent ? [event as TaskEvent] : [];
  } catch {
    return [];
  }
}

/** Longer texts are more than Node can hold. */
const MAX_EVENTS = 500 * 1024 * 1024;
