import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { Errno, errno } from '../../../errno.ts';
import { reasonOf, TaskfsError } from '../../../errors.ts';
import { encodeText, showText } from '../../../process/index.ts';
import type { SpawnedProcess, SpawnOptions } from '../../../sys/index.ts';
import type { Launch } from '../engine.ts';

/** Refuses a working directory that is not there or may not be entered; each in its own words. */
export function assertDirectory({ cwd }: Pick<Launch, 'cwd'>): void {
  if (cwd === null) return;
  const path = encodeText(cwd);
  try {
    if (!statSync(path).isDirectory()) throw unusable(cwd, 'is not a directory');
    accessSync(path, constants.X_OK);
  } catch (cause) {
    if (cause instanceof TaskfsError) throw cause;
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') throw unusable(cwd, 'is not there', cause);
    if (code === 'EACCES') throw unusable(cwd, 'may not be entered (EACCES)', cause);
    throw unusable(cwd, `cannot be used: ${reasonOf(cause)}`, cause);
  }
}

function unusable(cwd: string, what: string, cause?: unknown): TaskfsError {
  return new TaskfsError('usage', `the working directory ${showText(cwd)} ${what}`, {
    hint: 'Choose another with -w.',
    cause,
  });
}

/** Starts a process, in one way or another. */
export type Spawn = (options: SpawnOptions) => SpawnedProcess | Promise<SpawnedProcess>;

/** Where a command's streams go: descriptors of this process, or the path of a terminal. */
export type Streams =
  | { readonly stdin: number; readonly stdout: number; readonly stderr: number }
  | { readonly terminal: string };

/** What a command is started with. */
type Command = Pick<Launch, 'task' | 'command' | 'caller' | 'cwd' | 'env' | 'staging'>;

/**
 * Starts a command of a task by `start`, in a session of its own unless it shares the caller's
 * terminal. Throws `command-not-found`, `not-executable`, or `failed`.
 */
export async function startCommand(
  launch: Command,
  streams: Streams,
  start: Spawn,
  newSession = true,
): Promise<SpawnedProcess> {
  const environment = environmentOf(launch);
  const [name = ''] = launch.command;
  const files = candidates(name, environment).filter((file) => isThere(launch, file));
  const options = optionsOf(launch, environment, streams, newSession);
  let refusal: unknown = Errno.of(errno.ENOENT);
  for (const file of files) {
    try {
      return await startFile(start, { ...options, file, argv: launch.command });
    } catch (error) {
      // Another directory of PATH may hold one that can be executed, as execvp(3) has it.
      if (!(error instanceof Errno)) throw error;
      refusal = error;
      if (error.code !== 'EACCES') break;
    }
  }
  throw explain(launch, refusal as Errno);
}

const DEFAULT_PATH = '/usr/local/bin:/bin:/usr/bin';

/** The paths that a command's name may stand for, in the order of PATH. */
function candidates(name: string, environment: readonly string[]): string[] {
  if (name === '') return [];
  if (name.includes('/')) return [name];
  const path = environment.findLast((entry) => entry.startsWith('PATH='))?.slice('PATH='.length);
  return (path ?? DEFAULT_PATH).split(':').map((place) => `${place || '.'}/${name}`);
}

const isThere = ({ cwd }: Command, file: string): boolean =>
  existsSync(encodeText(file.startsWith('/') ? file : resolve(cwd ?? '.', file)));

/** The caller's variables, those given with -e, and the task's own; the later ones win. */
function environmentOf({ caller, env, staging, task }: Command): string[] {
  const own = { ...env, TASKFS_ARTIFACTS: staging, TASKFS_TASK: task };
  const names = new Set(Object.keys(own));
  const inherited = caller.environment.filter((entry) => !names.has(nameOf(entry)));
  return [...inherited, ...Object.entries(own).map(([name, value]) => `${name}=${value}`)];
}

function nameOf(entry: string): string {
  const at = entry.indexOf('=', 1);
  return at === -1 ? entry : entry.slice(0, at);
}

function optionsOf(
  { cwd, caller }: Command,
  environment: readonly string[],
  streams: Streams,
  newSession: boolean,
): Omit<SpawnOptions, 'file' | 'argv'> {
  const hasTerminal = 'terminal' in streams;
  const ends = hasTerminal ? [] : [streams.stdin, streams.stdout, streams.stderr];
  const standard = ends.map((ours, theirs) => [theirs, ours] as const);
  return {
    environment,
    cwd: cwd ?? undefined,
    descriptors: new Map([...standard, ...caller.descriptors.map((fd) => [fd, fd] as const)]),
    newSession,
    terminal: hasTerminal ? streams.terminal : undefined,
    ignoredSignals: caller.ignoredSignals,
    softOpenFiles: caller.softOpenFiles ?? undefined,
  };
}

async function startFile(start: Spawn, options: SpawnOptions): Promise<SpawnedProcess> {
  try {
    return await start(options);
  } catch (error) {
    if (!(error instanceof Errno) || error.code !== 'ENOEXEC') throw error;
    // A script that names no interpreter is the shell's, as for execvp(3).
    const argv = ['/bin/sh', options.file, ...options.argv.slice(1)];
    return start({ ...options, file: '/bin/sh', argv });
  }
}

function explain({ command }: Command, cause: Errno): TaskfsError {
  const file = showText(command[0] ?? '');
  if (cause.code === 'ENOENT' || cause.code === 'ENOTDIR') {
    return new TaskfsError('command-not-found', `there is no command '${file}'`, {
      hint: 'Check its spelling and PATH.',
      cause,
    });
  }
  if (cause.code === 'EACCES') {
    return new TaskfsError('not-executable', `'${file}' is not executable`, {
      hint: "'chmod +x' makes a script executable.",
      cause,
    });
  }
  return new TaskfsError('failed', `'${file}' cannot be started: ${reasonOf(cause)}`, {
    cause,
  });
}
