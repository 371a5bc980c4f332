import { basename } from 'node:path';
import type { TaskfsError } from '../errors.ts';
import { failureOf, startProgram } from './run-external.ts';

/**
 * Editors with windows, and the option that keeps each running until the file is closed; without
 * one where it does so anyway.
 */
const WITH_WINDOWS: Readonly<Record<string, string | undefined>> = {
  atom: '--wait',
  code: '--wait',
  'code-insiders': '--wait',
  codium: '--wait',
  cursor: '--wait',
  geany: '--new-instance',
  gedit: '--wait',
  'gnome-text-editor': '--standalone',
  gvim: '--nofork',
  kate: '--block',
  kwrite: undefined,
  mate: '--wait',
  mousepad: '--disable-server',
  pluma: '--wait',
  subl: '--wait',
  xed: '--wait',
  zed: '--wait',
  zeditor: '--wait',
};

/** All ways to say that; in a list of options, they may stand anywhere. */
const WAITS =
  /(?:^|\s)(?:-[wfbis]|--(?:wait|nofork|block|new-instance|standalone|disable-server))(?:\s|$)/;

/** The first word, which may be quoted. */
const PROGRAM = /^\s*(?:["'](.*?)["']|(\S+))/;

/** What keeps Emacs in the terminal. */
const IN_TERMINAL = /(?:^|\s)(?:-nw|-t|--no-window-system|--tty)(?:\s|=|$)/;

/** The person's editor. */
export interface Editor {
  /** For a shell. It ends when the file is closed: what it saved afterwards would be lost. */
  readonly command: string;
  /** Whether it opens a window, and leaves the terminal to others. */
  readonly hasWindow: boolean;
}

/** $VISUAL, else $EDITOR, else vi. */
export function findEditor(environment: NodeJS.ProcessEnv): Editor {
  const { VISUAL, EDITOR, DISPLAY, WAYLAND_DISPLAY } = environment;
  const command = VISUAL || EDITOR || 'vi';
  const [, quoted, plain = ''] = PROGRAM.exec(command) ?? [];
  const name = basename(quoted ?? plain);
  if (name === 'emacs') {
    const hasDisplay = Boolean(DISPLAY || WAYLAND_DISPLAY);
    return { command, hasWindow: hasDisplay && !IN_TERMINAL.test(command) };
  }
  if (!Object.hasOwn(WITH_WINDOWS, name)) return { command, hasWindow: false };
  const option = WITH_WINDOWS[name];
  const isComplete = option === undefined || WAITS.test(command);
  return { command: isComplete ? command : `${command} ${option}`, hasWindow: true };
}

/**
 * Opens a file in an editor, and waits until that ends.
 * Signals of the terminal are the editor's business: this process has something to do after it.
 * Returns why it could not be started, or did not end well.
 */
export async function runEditor(
  { command }: Editor,
  path: string,
): Promise<TaskfsError | undefined> {
  // As git and others do it: the variable may hold options, so a shell takes it apart.
  const { pid, ended } = startProgram('sh', ['-c', `${command} "$@"`, command, path]);
  const ignore = (): void => {};
  const passOn = (signal: NodeJS.Signals): void => void process.kill(pid, signal);
  const listeners = { SIGINT: ignore, SIGQUIT: ignore, SIGTERM: passOn, SIGHUP: passOn } as const;
  const signals = Object.entries(listeners) as [NodeJS.Signals, (name: NodeJS.Signals) => void][];
  for (const [name, listener] of signals) process.on(name, listener);
  try {
    return failureOf(command, await ended, 'Choose another editor with VISUAL or EDITOR.');
  } finally {
    for (const [name, listener] of signals) process.off(name, listener);
  }
}
