import type { TaskfsError } from '../errors.ts';
import { failureOf, startProgram } from './run-external.ts';

/**
 * Opens a file in the user's editor, $VISUAL, else $EDITOR, else vi, and waits until that ends.
 * Signals of the terminal are the editor's business: this process has something to do after it.
 * Returns why it could not be started, or did not end well.
 */
export async function runEditor(path: string): Promise<TaskfsError | undefined> {
  const editor = process.env.VISUAL || process.env.EDITOR || 'vi';
  // As git and others do it: the variable may hold options, so a shell takes it apart.
  const { pid, ended } = startProgram('sh', ['-c', `${editor} "$@"`, editor, path]);
  const ignore = (): void => {};
  const passOn = (signal: NodeJS.Signals): void => void process.kill(pid, signal);
  const listeners = { SIGINT: ignore, SIGQUIT: ignore, SIGTERM: passOn, SIGHUP: passOn } as const;
  const signals = Object.entries(listeners) as [NodeJS.Signals, (name: NodeJS.Signals) => void][];
  for (const [name, listener] of signals) process.on(name, listener);
  try {
    return failureOf(editor, await ended, 'Choose another editor with VISUAL or EDITOR.');
  } finally {
    for (const [name, listener] of signals) process.off(name, listener);
  }
}
