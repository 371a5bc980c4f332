import { readSeal } from '../../archive/index.ts';
import { TaskfsError } from '../../errors.ts';
import {
  isInterrupted,
  showCommand,
  showStatus,
  type TaskView,
  viewRecord,
} from '../../runner/index.ts';
import {
  readRecord,
  type Store,
  type TaskName,
  type TaskRecord,
  taskPaths,
} from '../../store/index.ts';
import type { StreamEvents, TaskRow } from '../protocol.ts';

/** How many seals are read at a time: the files of thousands of old tasks are measured later. */
const SEALS_AT_ONCE = 200;
/** How often it is looked whether supervisors live, in refreshes: no record says when one dies. */
const LOOK_EVERY = 4;

interface Known {
  readonly row: TaskRow;
  readonly version: number;
}

/** The size of a task's files. */
export interface TreeSize {
  readonly bytes: number;
  readonly files: number;
}

/** What is known of a task that is watched. */
export interface Watched {
  readonly record: TaskRecord;
  /** Its files, where they have been seen. */
  readonly tree: TreeSize | undefined;
}

/** All tasks that are watched, and those that cannot be. */
export interface Seen {
  readonly tasks: ReadonlyMap<TaskName, Watched>;
  readonly unreadable: readonly TaskName[];
}

/** The tasks of a store as rows, each with the version of the list that it last changed in. */
export class TaskList {
  private readonly store: Store;
  /** As last taken from those that are watched. */
  private readonly records = new Map<TaskName, TaskRecord>();
  private readonly rows = new Map<TaskName, Known>();
  private readonly gone = new Map<TaskName, number>();
  private readonly unmeasured = new Set<TaskName>();
  private unreadable: readonly TaskName[] = [];
  private version = 0;
  private refreshes = 0;

  constructor(store: Store) {
    this.store = store;
  }

  /** Takes in what is new among all tasks; returns those that went. */
  refresh({ tasks, unreadable }: Seen): readonly TaskName[] {
    if (unreadable.join() !== this.unreadable.join()) this.version += 1;
    this.unreadable = unreadable;
    this.refreshes += 1;
    const looks = this.refreshes % LOOK_EVERY === 0;
    for (const [task, { record, tree }] of tasks) {
      const isNews = this.records.get(task) !== record;
      this.records.set(task, record);
      if (isNews || (looks && record.artifacts !== 'sealed')) this.take(record);
      if (record.artifacts !== 'sealed') this.resize(task, tree);
    }
    const gone = [...this.records.keys()].filter((task) => !tasks.has(task));
    for (const task of gone) this.forget(task);
    this.measureSome();
    return gone;
  }

  /** Reads one task again, which something was just done to. */
  update(task: TaskName): void {
    try {
      this.take(readRecord(taskPaths(this.store, task).record, task));
    } catch (error) {
      if (!(error instanceof TaskfsError) || error.kind !== 'not-found') throw error;
      this.forget(task);
    }
  }

  /** What changed since a version of the list; since 0: all. */
  since(version: number): StreamEvents['tasks'] {
    const rows = [...this.rows.values()].filter((known) => known.version > version);
    const gone = [...this.gone].filter(([, at]) => at > version).map(([task]) => task);
    const changed = rows.map(({ row }) => row);
    return { version: this.version, changed, gone, unreadable: this.unreadable };
  }

  private take(record: TaskRecord): void {
    const { task } = record;
    const known = this.rows.get(task)?.row;
    this.put(task, rowOf(viewRecord(this.store, record), known));
    if (record.artifacts === 'sealed' && known?.artifacts !== 'sealed') this.unmeasured.add(task);
  }

  private put(task: TaskName, row: TaskRow): void {
    const known = this.rows.get(task)?.row;
    if (known && JSON.stringify(known) === JSON.stringify(row)) return;
    this.gone.delete(task);
    this.version += 1;
    this.rows.set(task, { row, version: this.version });
  }

  private forget(task: TaskName): void {
    if (!this.rows.delete(task)) return;
    this.records.delete(task);
    this.unmeasured.delete(task);
    this.version += 1;
    this.gone.set(task, this.version);
  }

  private resize(task: TaskName, size: TreeSize | undefined): void {
    const row = this.rows.get(task)?.row;
    if (!row || !size || (row.bytes === size.bytes && row.files === size.files)) return;
    this.put(task, { ...row, bytes: size.bytes, files: size.files });
  }

  private measureSome(): void {
    for (const task of [...this.unmeasured].slice(0, SEALS_AT_ONCE)) {
      this.unmeasured.delete(task);
      this.resize(task, sealedSize(this.store, task));
    }
  }
}

/** As the seal says, which whoever reads the archive checks. */
function sealedSize(store: Store, task: TaskName): TreeSize | undefined {
  try {
    const { bytes, fileCount } = readSeal(taskPaths(store, task).archive);
    return { bytes, files: fileCount };
  } catch (error) {
    if (error instanceof TaskfsError) return undefined;
    throw error;
  }
}

function rowOf(view: TaskView, known: TaskRow | undefined): TaskRow {
  const { task, status, artifacts, paused, pinned, exitCode } = view;
  const { createdAt, startedAt, endedAt, sealedAt } = view;
  return {
    task,
    status,
    artifacts,
    words: showStatus(view),
    reason: reasonOf(view),
    paused,
    pinned,
    exitCode,
    command: showCommand(view.command),
    createdAt,
    startedAt,
    endedAt,
    sealedAt,
    bytes: known?.bytes ?? null,
    files: known?.files ?? null,
  };
}

function reasonOf(view: TaskView): string | null {
  const { task, artifacts, sealError, plaintext, reason } = view;
  if (artifacts === 'kept') {
    return `Its files could not be sealed: ${sealError}. 'taskfs seal ${task}' tries again.`;
  }
  if (plaintext)
    return `Sealed, but plaintext is left: ${plaintext}. 'taskfs recover' tries again.`;
  if (isInterrupted(view)) return "Nobody supervises it any more: 'taskfs recover' ends it.";
  return reason;
}
