import {
  appendEvent,
  replaceRecord,
  type TaskPaths,
  type TaskRecord,
  taskPaths,
} from '../store/index.ts';
import type { Claim } from './claim.ts';
import { withReserve } from './disk-reserve.ts';

/** An event before it gets its time and task. */
export interface Happening {
  readonly type: string;
  readonly [detail: string]: unknown;
}

/** The record and the events of one task, written only by the holder of its lock. */
export interface Journal {
  readonly paths: TaskPaths;
  /** The record as it stands on disk. */
  readonly record: TaskRecord;
  /** Replaces the record, then appends what happened. Throws where the state machine forbids it. */
  change(change: Partial<TaskRecord>, happening?: Happening): void;
  /** Appends what happened without a change of the record. A disk that is full in spite of the reserve, or fails, loses it, not the task. */
  note(happening: Happening): void;
}

const isSystemError = (error: unknown): boolean =>
  typeof (error as NodeJS.ErrnoException | undefined)?.errno === 'number';

/** Opens the journal of a claimed task. */
export function openJournal({ store, task, record: first }: Claim): Journal {
  const paths = taskPaths(store, task);
  let record = first;
  const note = (happening: Happening): void => {
    const { type, ...details } = happening;
    const event = { type, at: new Date().toISOString(), task, ...details };
    try {
      withReserve(paths.directory, () => appendEvent(paths.events, event));
    } catch (error) {
      if (!isSystemError(error)) throw error;
    }
  };
  return {
    paths,
    get record() {
      return record;
    },
    change(change, happening) {
      record = withReserve(paths.directory, () => replaceRecord(paths.record, record, change));
      if (happening) note(happening);
    },
    note,
  };
}
