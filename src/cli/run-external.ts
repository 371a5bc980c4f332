import { constants } from 'node:os';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { TaskfsError } from '../errors.ts';
import { decodeBytes, inheritance, rawEnvironment } from '../process/index.ts';
import { type ProcessEnd, type SpawnedProcess, spawnProcess } from '../sys/index.ts';

/** A program that cannot open a file says so in less than this, in milliseconds. */
const REFUSAL_MS = 1500;

/**
 * Starts somebody else's program on this terminal, as if the caller had started it, and waits no
 * longer than it takes to hear that it cannot do its work: it goes on when this process has ended.
 * The shell finds it. Throws `failed` where it cannot be started, or ends badly at once.
 */
export async function launchProgram(
  program: string,
  args: readonly (string | Buffer)[],
  hint: string,
): Promise<void> {
  const { ended } = startProgram(program, args);
  const end = await Promise.race([ended, sleep(REFUSAL_MS, undefined, { ref: false })]);
  const failure = end && failureOf(program, end, hint);
  if (failure) throw failure;
}

/** Starts it, and does not wait. */
export function startProgram(program: string, args: readonly (string | Buffer)[]): SpawnedProcess {
  const words = args.map((arg) => (typeof arg === 'string' ? arg : decodeBytes(arg)));
  const { descriptors, ignoredSignals, softOpenFiles } = inheritance;
  return spawnProcess({
    file: '/bin/sh',
    argv: ['sh', '-c', 'exec "$0" "$@"', program, ...words],
    environment: rawEnvironment(),
    descriptors: new Map([0, 1, 2, ...descriptors].map((fd) => [fd, fd])),
    newSession: false,
    ignoredSignals: [...ignoredSignals],
    softOpenFiles: softOpenFiles === undefined ? undefined : Math.min(softOpenFiles, MOST_FILES),
  });
}

/** Why a program that ended could not be started, or did not end well; undefined where it did. */
function failureOf(
  program: string,
  { exitCode, signal }: ProcessEnd,
  hint: string,
): TaskfsError | undefined {
  if (exitCode === 0) return undefined;
  const how = exitCode ?? `${signal} (${constants.signals[signal ?? 'SIGKILL']})`;
  const what = exitCode === COMMAND_NOT_FOUND ? 'cannot be started' : `ended with ${how}`;
  return new TaskfsError('failed', `'${program}' ${what}`, { hint });
}

const COMMAND_NOT_FOUND = 127;
/** A limit that is none. */
const MOST_FILES = Number.MAX_SAFE_INTEGER;

/**
 * Opens a file in the user's editor, $VISUAL, else $EDITOR, else vi, and waits until that ends.
 * Signals of the terminal are the editor's business: this process has something to do after it.
 * Returns why it could not be started, or did not end well.
 */
export async function runEditor(path: string): Promise<TaskfsError | undefined> {
  const editor = editorCommand(process.env);
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

/** Editors with windows that return at once, and what makes them wait until the file is closed. */
const WAIT_OPTIONS: Readonly<Record<string, string>> = {
  atom: '--wait',
  code: '--wait',
  'code-insiders': '--wait',
  codium: '--wait',
  cursor: '--wait',
  gedit: '--wait',
  gvim: '--nofork',
  kate: '--block',
  mate: '--wait',
  pluma: '--wait',
  subl: '--wait',
  xed: '--wait',
  zed: '--wait',
};

/** All ways to say that; in a list of options, they may stand anywhere. */
const WAITS = /(?:^|\s)(?:-w|-f|-b|--wait|--nofork|--block)(?:\s|$)/;

/**
 * The person's editor as a shell command, $VISUAL, else $EDITOR, else vi, which ends when the
 * file is closed. Of one with windows that would return before, the option is added that keeps
 * it: what it saved afterwards would be lost.
 */
export function editorCommand({ VISUAL, EDITOR }: NodeJS.ProcessEnv): string {
  const editor = VISUAL || EDITOR || 'vi';
  const [program = ''] = editor.trim().split(/\s+/, 1);
  const option = WAIT_OPTIONS[basename(program)];
  return option === undefined || WAITS.test(editor) ? editor : `${editor} ${option}`;
}
