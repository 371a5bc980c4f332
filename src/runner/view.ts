import { TaskfsError } from '../errors.ts';
import { printableJson, printableText } from '../printable.ts';
import {
  type Attempt,
  isFinal,
  isLocked,
  isPinned,
  listTasks,
  readRecord,
  type Store,
  type TaskName,
  type TaskRecord,
  taskPaths,
} from '../store/index.ts';
import { supervisorElsewhere } from './supervisor-liveness.ts';

/** Whether a task needs a supervisor and has none: that was killed, or the machine restarted. */
export function isInterrupted({
  status,
  artifacts,
  supervisorPid,
  supervisorHost,
}: TaskView): boolean {
  const isDue = !isFinal(status) || artifacts === 'sealing';
  return isDue && supervisorPid === null && supervisorHost === null;
}

/**
 * What `status --json` and `ps --json` show of a task: the record without what only engines need.
 */
export type TaskView = Omit<
  TaskRecord,
  'engineState' | 'leftBehind' | 'attempts' | 'supervisor'
> & {
  /** Whether no rule removes it, nor `rm`. */
  readonly pinned: boolean;
  /** The process that holds the task's lock now; null where none does. */
  readonly supervisorPid: number | null;
  /** The name of the machine that supervises it where it is not this one, else null. */
  readonly supervisorHost: string | null;
  /**
   * What the engine calls its last run: a container's name, or a service's of a swarm; null:
   * nothing of the kind.
   */
  readonly container: string | null;
  readonly attempts: readonly Attempt[];
};

/**
 * One task as it stands now. Throws `not-found`, `damaged`,
 * `usage` where a newer taskfs wrote its record.
 */
export function viewTask(store: Store, task: TaskName): TaskView {
  return viewRecord(store, readRecord(taskPaths(store, task).record, task));
}

/** The same of a task whose record was just read. */
export function viewRecord(store: Store, read: TaskRecord): TaskView {
  const { engineState, leftBehind: _, supervisor: __, ...record } = read;
  const paths = taskPaths(store, read.task);
  // Sealed is the end: asking for the lock of each of ten thousand old tasks would take a while.
  const isOver = record.artifacts === 'sealed';
  const supervised = !isOver && isLocked(paths.lock);
  const elsewhere = isOver || supervised ? undefined : supervisorElsewhere(store, read);
  return {
    ...record,
    pinned: isPinned(store, read.task),
    container: nameOf(engineState),
    supervisorPid: supervised ? record.supervisorPid : null,
    supervisorHost: elsewhere?.host ?? null,
  };
}

function nameOf(engineState: TaskRecord['engineState']): string | null {
  const { container, service } = engineState ?? {};
  const name = container ?? service;
  return typeof name === 'string' ? name : null;
}

/** A task whose record is damaged, or of a newer taskfs: only its name is known. */
export interface UnreadableTask {
  readonly task: TaskName;
  readonly error: TaskfsError;
}

/** All tasks that can be seen, oldest first, and those of which only the name can. */
export interface TaskViews {
  readonly tasks: TaskView[];
  readonly unreadable: UnreadableTask[];
}

/** Tasks of a store, by default all. One that is removed meanwhile is left out. */
export function viewTasks(store: Store, names: readonly TaskName[] = listTasks(store)): TaskViews {
  const tasks: TaskView[] = [];
  const unreadable: UnreadableTask[] = [];
  for (const task of names) {
    try {
      tasks.push(viewTask(store, task));
    } catch (error) {
      if (!(error instanceof TaskfsError)) throw error;
      if (error.kind !== 'not-found') unreadable.push({ task, error });
    }
  }
  tasks.sort(byCreation);
  return { tasks, unreadable };
}

/** Times in ISO 8601 sort as they are; to collate thousands as text of a language takes a while. */
function byCreation({ createdAt: one }: TaskView, { createdAt: other }: TaskView): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}

/**
 * How a task ended or stands, in a few words: `completed`, `failed (exit code 2)`, `running,
 * paused`.
 */
export function showStatus(task: TaskView): string {
  if (task.status === 'running' || task.status === 'queued') return showUnended(task);
  if (task.status !== 'failed') return task.status;
  if (task.reasonKind === 'exit') return `failed (exit code ${task.exitCode})`;
  if (task.reasonKind === 'signal') return `failed (${task.signal})`;
  return `failed (${task.reasonKind})`;
}

/** A task that nobody supervises neither runs nor waits, whatever its record says. */
function showUnended(task: TaskView): string {
  if (isInterrupted(task)) return task.status === 'running' ? 'interrupted' : 'queued, interrupted';
  const { status, awaiting = [], supervisorHost } = task;
  const awaits = awaiting.length > 0 ? `${status}, after ${awaiting.join(', ')}` : status;
  const paused = task.paused ? `${awaits}, paused` : awaits;
  return supervisorHost === null ? paused : `${paused} on ${supervisorHost}`;
}

/** A command as one would type it in a shell, on one line. */
export function showCommand(command: readonly string[]): string {
  return command.map(quote).join(' ');
}

function quote(word: string): string {
  if (/^[\w@%+=:,./-]+$/.test(word)) return word;
  if (printableText(word) !== word)
    return `$'${printableJson(JSON.stringify(word)).slice(1, -1).replaceAll("'", "\\'")}'`;
  return `'${word.replaceAll("'", "'\\''")}'`;
}
