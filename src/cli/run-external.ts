import { constants } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { TaskfsError } from '../errors.ts';
import { decodeBytes, inheritance, rawEnvironment } from '../process/index.ts';
import { type ProcessEnd, type SpawnedProcess, spawnProcess } from '../sys/index.ts';

/** A program that cannot open a file says so in less than this, in milliseconds. */
export const REFUSAL_MS = 1500;

interface LaunchOptions {
  /** What to do where it cannot be started. */
  readonly hint: string;
  /** Descriptors that it keeps open for as long as it, and what it starts, runs. */
  readonly held: readonly number[];
}

/**
 * Starts somebody else's program on this terminal, as if the caller had started it, and waits no
 * longer than it takes to hear that it cannot do its work: it goes on when this process has ended.
 * The shell finds it. Throws `failed` where it cannot be started, or ends badly at once.
 */
export async function launchProgram(
  program: string,
  args: readonly (string | Buffer)[],
  { hint, held }: LaunchOptions,
): Promise<void> {
  const { ended } = startProgram(program, args, held);
  const end = await Promise.race([ended, sleep(REFUSAL_MS, undefined, { ref: false })]);
  const failure = end && failureOf(program, end, hint);
  if (failure) throw failure;
}

/** Starts it, and does not wait. */
export function startProgram(
  program: string,
  args: readonly (string | Buffer)[],
  held: readonly number[] = [],
): SpawnedProcess {
  const words = args.map((arg) => (typeof arg === 'string' ? arg : decodeBytes(arg)));
  const { descriptors, ignoredSignals, softOpenFiles } = inheritance;
  return spawnProcess({
    file: '/bin/sh',
    argv: ['sh', '-c', 'exec "$0" "$@"', program, ...words],
    environment: rawEnvironment(),
    descriptors: new Map([0, 1, 2, ...descriptors, ...held].map((fd) => [fd, fd])),
    newSession: false,
    ignoredSignals: [...ignoredSignals],
    softOpenFiles: softOpenFiles === undefined ? undefined : Math.min(softOpenFiles, MOST_FILES),
  });
}

/** Why a program that ended could not be started, or did not end well; undefined where it did. */
export function failureOf(
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
