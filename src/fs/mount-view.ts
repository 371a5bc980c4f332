import { matches, type Selector } from '../retention/index.ts';
import { isFinal, type Status, type TaskName, type TaskRecord } from '../store/index.ts';
import type { TaskRecords } from './task-records.ts';

/** Which tasks a mount shows: those that fulfil each condition that is there. Plain data. */
export interface MountView extends Selector {
  readonly tasks?: readonly string[];
  /** They have not ended, or did so within this time (milliseconds) until now. */
  readonly sinceMs?: number;
}

/** Whether a view shows a task as it is now. */
export function isInView({ tasks, sinceMs, ...select }: MountView, record: TaskRecord): boolean {
  if (tasks && !tasks.includes(record.task)) return false;
  if (sinceMs !== undefined && endOf(record) < Date.now() - sinceMs) return false;
  return statusesIn(record).some((status) => matches(select, { ...record, status }));
}

const endOf = ({ status, endedAt, createdAt }: TaskRecord): number =>
  isFinal(status) ? Date.parse(endedAt ?? createdAt) : Number.POSITIVE_INFINITY;

/** While its files are sealed, a task is still where it was as it ran, for who has them open. */
const statusesIn = ({ status, artifacts }: TaskRecord): readonly Status[] =>
  artifacts === 'sealing' ? [status, 'running'] : [status];

/** The tasks of a mount, all or those of a view. */
export class ShownTasks {
  private readonly records: TaskRecords;
  private readonly view: MountView | undefined;

  constructor(records: TaskRecords, view?: MountView) {
    this.records = records;
    this.view = view;
  }

  /** Whether tasks leave the view by growing old. */
  get changesWithTime(): boolean {
    return this.view?.sinceMs !== undefined;
  }

  /** Without a view no record is read. */
  has(task: TaskName): boolean {
    if (!this.view) return true;
    if (this.view.tasks?.includes(task) === false) return false;
    const record = this.records.find(task);
    return record !== undefined && isInView(this.view, record);
  }
}
