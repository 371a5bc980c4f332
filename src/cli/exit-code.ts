import { type ErrorKind, TaskfsError } from '../errors.ts';
import type { TaskRecord } from '../store/index.ts';

/** Exit codes of every verb but `run` and `wait`. */
export const EXIT = { ok: 0, failed: 1, usage: 2, notFound: 3, wrongKey: 4, damaged: 5 } as const;

/** Exit codes of `run` and `wait` that are not the task's own. */
export const TASK_EXIT = {
  timedOut: 124,
  taskfsFailed: 125,
  notExecutable: 126,
  commandNotFound: 127,
  signalled: 128,
  cancelled: 130,
} as const;

const codeOfKind: Readonly<Record<ErrorKind, number>> = {
  failed: EXIT.failed,
  usage: EXIT.usage,
  'not-found': EXIT.notFound,
  'wrong-key': EXIT.wrongKey,
  damaged: EXIT.damaged,
  'not-executable': TASK_EXIT.notExecutable,
  'command-not-found': TASK_EXIT.commandNotFound,
};

/** The exit code for anything thrown by a verb. */
export function exitCodeOfError(error: unknown): number {
  return error instanceof TaskfsError ? codeOfKind[error.kind] : EXIT.failed;
}

/**
 * The exit code for anything thrown by `run` or `wait`, where 1, 3, 4 and 5 may be the task's own:
 * a usage error stays 2, every other failure of taskfs is 125.
 */
export function exitCodeOfTaskError(error: unknown): number {
  const code = exitCodeOfError(error);
  return code === EXIT.usage || code > TASK_EXIT.taskfsFailed ? code : TASK_EXIT.taskfsFailed;
}

/**
 * The exit code of `run` and `wait` for a task that has ended. One that did well and could not be
 * sealed, or whose plaintext could not be removed, is a failure of taskfs. `signalNumber` knows
 * SIGTERM as 15.
 */
export function exitCodeOfTask(
  { status, artifacts, plaintext, reasonKind, exitCode, signal }: TaskRecord,
  signalNumber: Readonly<Record<string, number>>,
): number {
  if (status === 'cancelled') return TASK_EXIT.cancelled;
  if (reasonKind === 'timeout') return TASK_EXIT.timedOut;
  if (exitCode === 0 && (artifacts === 'kept' || plaintext)) return TASK_EXIT.taskfsFailed;
  if (exitCode !== null) return exitCode;
  if (signal !== null) return TASK_EXIT.signalled + (signalNumber[signal] ?? 0);
  return TASK_EXIT.taskfsFailed;
}
