import type { Artifacts, Status, TaskName } from '../store/index.ts';
import { isoTime } from '../sys/index.ts';
import { type JsonPath, jsonPath, printableName } from './name.ts';
import { type Change, type EntryKind, pathOf } from './tree.ts';

interface EventBase {
  /** When it was seen: ISO 8601, UTC. */
  readonly at: string;
  readonly task: TaskName;
}

/** A file or directory came, changed or went. A rename is a remove and an add. */
export interface FileEvent extends EventBase, JsonPath {
  readonly type: 'add' | 'change' | 'remove';
  readonly kind: EntryKind;
  /** Bytes; of a removed file, the last that was seen. */
  readonly size: number;
  /** Modification time: ISO 8601, UTC. */
  readonly mtime: string;
}

/** The state of a task: reported first of all, and whenever it changes. */
export interface TaskWatchEvent extends EventBase {
  readonly type: 'task';
  readonly status: Status;
  readonly artifacts: Artifacts;
  readonly reason: string | null;
}

/**
 * `ready`: all that was there at the start is reported. `gone`: the task was removed from the
 * store.
 */
export interface MarkEvent extends EventBase {
  readonly type: 'ready' | 'gone';
}

/** Something about the watching itself that its user should know. */
export interface NoteEvent extends EventBase {
  readonly type: 'note';
  readonly message: string;
}

/** One line of `taskfs watch --json`. */
export type WatchEvent = FileEvent | TaskWatchEvent | MarkEvent | NoteEvent;

export function fileEvent(task: TaskName, change: Change, at: Date): FileEvent {
  const { kind, size, mtimeNs } = change.node.entry;
  return {
    type: change.action,
    at: at.toISOString(),
    task,
    ...jsonPath(pathOf(change.node)),
    kind,
    size,
    mtime: isoTime(mtimeNs),
  };
}

/** An event as one line for a person. */
export function describeEvent(event: WatchEvent): string {
  const time = event.at.slice(11, 19);
  switch (event.type) {
    case 'task':
      return `${time} ${event.task}: ${event.status}, files ${event.artifacts}`;
    case 'ready':
      return `${time} ${event.task}: watching`;
    case 'gone':
      return `${time} ${event.task}: removed from the store`;
    case 'note':
      return `${time} ${event.task}: note: ${event.message}`;
    default:
      return `${time} ${event.task}: ${event.type.padEnd(6)} ${describeFile(event)}`;
  }
}

function describeFile(event: FileEvent): string {
  const bytes = event.pathBase64 === undefined ? event.path : event.pathBase64;
  const name = printableName(
    Buffer.from(bytes, event.pathBase64 === undefined ? 'utf8' : 'base64'),
  );
  return event.kind === 'file' ? `${name} (${event.size} bytes)` : `${name} (${event.kind})`;
}
