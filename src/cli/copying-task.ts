import { constants } from 'node:os';
import { type Claim, type Submission, submit, superviseTask, viewTask } from '../runner/index.ts';
import type { Store, TaskRecord } from '../store/index.ts';
import { exitCodeOfTask } from './exit-code.ts';
import { printJson, printLine, say } from './output.ts';

/** How such a task is run, and shown. */
export interface CopyingOptions {
  /** Variables of its environment, whose values are written down nowhere. */
  readonly secrets?: Readonly<Record<string, string>>;
  /** What it prints goes to standard error; else it is in its log alone. */
  readonly isShown: boolean;
  readonly json: boolean;
}

/**
 * Runs a task that copies in the foreground, prints its name, or with `json` its status, and
 * returns the exit code. Throws `usage` for a name that is in use.
 */
export async function runCopyingTask(
  store: Store,
  submission: Submission,
  { secrets = {}, isShown, json }: CopyingOptions,
): Promise<number> {
  const claim = submit(store, submission);
  const shown = isShown ? { stdout: process.stderr, stderr: process.stderr } : {};
  const record = await superviseTask(claim, secrets, { ...shown, say });
  await report(claim, record, json);
  return exitCodeOfTask(record, constants.signals);
}

async function report({ store, task }: Claim, record: TaskRecord, json: boolean): Promise<void> {
  if (json) await printJson(viewTask(store, task));
  else await printLine(task);
  if (record.status !== 'completed') say(`Not all was copied: ${record.reason}.`);
}

/**
 * A command that is this program itself, with `--to` and the task's directory behind: so what it
 * decrypts is nowhere but in the task's files.
 */
export const ownCommand = (...args: readonly string[]): string[] => [
  'sh',
  '-c',
  'exec "$0" "$@" --to "$TASKFS_ARTIFACTS"',
  process.execPath,
  process.argv[1] ?? '',
  ...args,
];
