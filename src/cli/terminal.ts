import { isatty } from 'node:tty';
import { TaskfsError } from '../errors.ts';
import type { Running } from '../runner/index.ts';

/** Throws `usage` for -i with -t where standard input is no terminal. */
export function assertTerminalInput(interactive: boolean, tty: boolean): void {
  if (!interactive || !tty || isatty(0)) return;
  throw new TaskfsError('usage', '-i and -t together need a terminal as standard input', {
    hint: 'Leave out -t: the end of piped input does not get through a terminal.',
  });
}

/**
 * Attaches this terminal to a run that has one of its own (-t): a change of size is passed on, and
 * with -i every key goes to the task, Ctrl-C too. Returns how to detach it.
 */
export function attachTerminal(
  running: Pick<Running, 'resize'>,
  { interactive, tty }: { readonly interactive: boolean; readonly tty: boolean },
): () => void {
  const { stdout } = process;
  // Looked at only where it is used: that makes a stream of it.
  const isRaw = Boolean(interactive && tty && process.stdin.isTTY);
  const passSize = (): void => void running.resize?.(stdout.rows, stdout.columns);
  if (isRaw) process.stdin.setRawMode(true);
  if (tty && stdout.isTTY) {
    stdout.on('resize', passSize);
    // It may have changed while an image was fetched.
    passSize();
  }
  return () => {
    stdout.off('resize', passSize);
    if (isRaw) process.stdin.setRawMode(false);
  };
}
