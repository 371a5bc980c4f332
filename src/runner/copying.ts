import { existsSync } from 'node:fs';
import type { Unpacked } from '../archive/share/index.ts';
import { TaskfsError } from '../errors.ts';
import { isDirectoryAt } from '../files/index.ts';
import { showText } from '../process/index.ts';
import { type Store, taskPaths, taskSpec } from '../store/index.ts';
import type { Submission } from './submit.ts';

/** What a task that copies is called, and what it can be found by. */
export interface CopyingOptions {
  readonly name?: string | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** Names of the variables that it is given. */
  readonly env?: readonly string[] | undefined;
}

/** A task that fills its files from elsewhere: it is cancelled, recovered and sealed as any. */
export const copyingTask = (
  command: readonly string[],
  { name, labels, env = [] }: CopyingOptions,
): Submission => ({ name, spec: taskSpec(command, { cwd: '/', env, ...(labels && { labels }) }) });

/** The top of a task's files keeps its own mode. */
const COPY =
  'cp -a -- "$0/." "$TASKFS_ARTIFACTS"; code=$?; chmod 700 "$TASKFS_ARTIFACTS"; exit $code';

/**
 * A task that copies what is in a directory, given by its absolute path, which stays as it is.
 * Throws `not-found`.
 */
export function importTask(directory: string, options: CopyingOptions): Submission {
  assertDirectory(directory);
  return copyingTask(['sh', '-c', COPY, directory], options);
}

/** Throws `not-found` where there is no directory to import from. */
export function assertDirectory(path: string): void {
  if (isDirectoryAt(path)) return;
  throw new TaskfsError('not-found', `there is no directory ${showText(path)}`, {
    hint: 'Name a directory; its files become those of the task.',
  });
}

/**
 * A task whose command copies a shared one: named as that is where it comes from, if the name is
 * free and none is given, and labelled with that and with who signed it.
 */
export function receivingTask(
  store: Store,
  { task, seal }: Pick<Unpacked, 'task' | 'seal'>,
  command: readonly string[],
  { name, env }: Omit<CopyingOptions, 'labels'>,
): Submission {
  const isTaken = existsSync(taskPaths(store, task).directory);
  const labels = { 'shared-by': seal.signer, 'shared-as': task };
  return copyingTask(command, { name: name ?? (isTaken ? undefined : task), labels, env });
}
