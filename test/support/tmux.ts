import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { onTestFinished } from 'vitest';
import { temporaryDirectory } from './temporary.ts';

const run = promisify(execFile);

/** A real terminal with one program in it. */
export interface TerminalSession {
  /** What stands on the screen, line by line; with colours as escape sequences where asked for. */
  screen(colours?: 'colours'): Promise<string>;
  /** Presses keys, by tmux's names. */
  press(...keys: string[]): Promise<void>;
  /** Sends text as it is, such as a report of the mouse. */
  type(text: string): Promise<void>;
  resize(columns: number, rows: number): Promise<void>;
  /** Closes the terminal under its program. */
  hangUp(): Promise<void>;
  /** The process id of the program; undefined once it has ended. */
  pid(): Promise<number | undefined>;
}

/**
 * Starts a program in a terminal of its own (a private tmux server, ended with the test); a shell
 * stays when it ends.
 */
export async function inTerminal(
  command: readonly string[],
  columns = 80,
  rows = 24,
): Promise<TerminalSession> {
  const socket = join(temporaryDirectory(), 'tmux');
  const tmux = async (...args: string[]): Promise<string> =>
    (await run('tmux', ['-f', '/dev/null', '-S', socket, ...args])).stdout;
  const size = ['-x', String(columns), '-y', String(rows)];
  await tmux('new-session', '-d', ...size, 'env', 'PS1=$ ', 'sh');
  onTestFinished(() => tmux('kill-server').then(done, done));

  await tmux('send-keys', '-l', `clear; ${command.map(quote).join(' ')}`);
  await tmux('send-keys', 'Enter');
  return {
    screen: (colours) => tmux('capture-pane', '-p', ...(colours ? ['-e'] : [])),
    press: async (...keys) => {
      await tmux('send-keys', ...keys);
    },
    type: async (text) => {
      await tmux('send-keys', '-l', text);
    },
    resize: async (x, y) => {
      await tmux('resize-window', '-x', String(x), '-y', String(y));
    },
    hangUp: async () => {
      await tmux('kill-server');
    },
    pid: async () => {
      const shell = (await tmux('display', '-p', '#{pane_pid}')).trim();
      const children = await run('pgrep', ['-P', shell]).catch(() => ({ stdout: '' }));
      return children.stdout ? Number(children.stdout.split('\n')[0]) : undefined;
    },
  };
}

/** Whether there still was a server to end does not matter. */
const done = (): void => {};

const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
