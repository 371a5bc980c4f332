import { readSeal } from '../../archive/index.ts';
import { TaskfsError } from '../../errors.ts';
import {
  isInterrupted,
  showCommand,
  showStatus,
  type TaskView,
  viewTask,
} from '../../runner/index.ts';
import { type Store, type TaskName, taskPaths } from '../../store/index.ts';
import { Roster } from '../../watch/index.ts';
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

/** The tasks of a store as rows, each with the version of the list that it last changed in. */
export class TaskList {
  private readonly store: Store;
  private readonly roster: Roster;
  private readonly rows = new Map<TaskName, Known>();
  private readonly gone = new Map<TaskName, number>();
  private readonly unmeasured = new Set<TaskName>();
  private version = 0;
  private refreshes = 0;

  constructor(store: Store) {
    this.store = store;
    this.roster = new Roster(store, undefined);
  }

  /** Reads what is new; the tasks that went. `sizeOf` knows the files of live tasks. */
  refresh(sizeOf: (task: TaskName) => TreeSize | undefined): readonly TaskName[] {
    const { changed, gone } = this.roster.refresh();
    for (const { task } of changed) this.update(task);
    for (const task of gone) this.forget(task);
    this.refreshes += 1;
    if (this.refreshes % LOOK_EVERY === 0) this.lookAtUnfinished();
    for (const [task, { row }] of this.rows) {
      if (row.artifacts !== 'sealed') this.resize(task, sizeOf(task));
    }
    this.measureSome();
    return gone;
  }

  /** Reads one task again, for what its record does not say. */
  update(task: TaskName): void {
    const known = this.rows.get(task)?.row;
    try {
      const row = rowOf(viewTask(this.store, task), known);
      if (row.artifacts === 'sealed' && known?.artifacts !== 'sealed') this.unmeasured.add(task);
      this.put(task, row);
    } catch (error) {
      if (!(error instanceof TaskfsError)) throw error;
      if (error.kind === 'not-found') this.forget(task);
    }
  }

  /** What changed since a version of the list; since 0: all. */
  since(version: number): StreamEvents['tasks'] {
    const rows = [...this.rows.values()].filter((known) => known.version > version);
    const gone = [...this.gone].filter(([, at]) => at > version).map(([task]) => task);
    return { version: this.version, changed: rows.map(({ row }) => row), gone };
  }

  private put(task: TaskName, row: TaskRow): void {
    const known = this.rows.get(task)?.row;
    if (known && JSON.stringify(known) === JSON.stringify(row)) return;
    this.gone.delete(task);
    this.version += 1;
    this.rows.set(task, { row, version: this.version });
  }

  private forget(task: TaskName): void {
    this.rows.delete(task);
    this.unmeasured.delete(task);
    this.version += 1;
    this.gone.set(task, this.version);
  }

  private resize(task: TaskName, size: TreeSize | undefined): void {
    const row = this.rows.get(task)?.row;
    if (!row || !size || (row.bytes === size.bytes && row.files === size.files)) return;
    this.put(task, { ...row, bytes: size.bytes, files: size.files });
  }

  private lookAtUnfinished(): void {
    for (const [task, { row }] of this.rows) if (row.artifacts !== 'sealed') this.update(task);
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
