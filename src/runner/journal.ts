import { join } from 'node:path';
import {
  appendEvent,
  isFinal,
  type Lock,
  readEvents,
  replaceRecord,
  type Store,
  type TaskName,
  type TaskPaths,
  type TaskRecord,
  taskPaths,
} from '../store/index.ts';
import { isoNow } from '../sys/index.ts';
import { withDiskReserve } from './disk-reserve.ts';

/** An event without its time and task, which the journal adds. */
export interface EventInput {
  readonly type: string;
  readonly [detail: string]: unknown;
}

/** The record and the events of one task, written only by the holder of its lock. */
export interface Journal {
  readonly paths: TaskPaths;
  /** The record as it stands on disk. */
  readonly record: TaskRecord;
  /** Replaces the record, then appends what happened. Throws where the state machine forbids it. */
  change(change: Partial<TaskRecord>, event?: EventInput): void;
  /**
   * Appends what happened without a change of the record. A disk that is full in spite of the
   * reserve, or fails, loses it, not the task.
   */
  note(event: EventInput): void;
}

const isSystemError = (error: unknown): boolean =>
  typeof (error as NodeJS.ErrnoException | undefined)?.errno === 'number';

/** Opens the journal of a claimed task. */
export function openJournal({ store, task, record: first }: Claim): Journal {
  const paths = taskPaths(store, task);
  let record = first;
  const note = ({ type, ...details }: EventInput): void => {
    const event = { type, at: isoNow(), task, ...details };
    try {
      withDiskReserve(paths.directory, () => appendEvent(paths.events, event));
    } catch (error) {
      if (!isSystemError(error)) throw error;
    }
  };
  return {
    paths,
    get record() {
      return record;
    },
    change(change, event) {
      record = withDiskReserve(paths.directory, () => replaceRecord(paths.record, record, change));
      if (event) note(event);
    },
    note,
  };
}

/**
 * A task whose lock this process holds: only its holder changes the record, the log, the staging.
 */
export interface Claim {
  readonly store: Store;
  readonly task: TaskName;
  /** The record as it stood when the lock was taken. */
  readonly record: TaskRecord;
  readonly lock: Lock;
}

/**
 * Appends the events that a supervisor did not live to write: a record is replaced first, its
 * event appended after, so a kill in between leaves a record that is ahead of its events.
 */
export function repairEvents({ record, paths, note }: Journal): void {
  const types = new Set(readEvents(paths.events).map(({ type }) => type));
  const { status, exitCode, signal, reasonKind, reason, artifacts, sealMs } = record;
  const missing = (event: EventInput, happened: boolean): void => {
    if (happened && !types.has(event.type)) note(event);
  };
  missing({ type: 'started' }, record.startedAt !== null);
  missing({ type: 'ended', status, exitCode, signal, reasonKind, reason }, isFinal(status));
  missing({ type: 'sealed', sealMs }, artifacts === 'sealed');
}

/** Where an engine keeps small files about a task until that is sealed, in the task's directory. */
export function scratchDirectory(directory: string): string {
  return join(directory, 'engine');
}
