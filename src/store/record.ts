import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { errno, errnoOf } from '../errno.ts';
import { messageOf, TaskfsError } from '../errors.ts';
import { readRegularText, writeFileAtomic } from '../files/index.ts';
import { decodeBytes, encodeText, isPlainText, showText } from '../process/index.ts';
import type { LockReach, Machine } from '../sys/index.ts';
import { type Artifacts, assertTransition, isState, type Status } from './status.ts';
import type { TaskName } from './task-name.ts';

/** The reason for a task's state, for programs; `reason` has it in words. */
export type ReasonKind =
  | 'exit'
  | 'signal'
  | 'timeout'
  | 'out-of-memory'
  | 'cancelled'
  | 'dependency'
  | 'interrupted'
  | 'engine-lost'
  | 'not-started';

/** One start of the command; `--retries` makes more of them. */
export interface Attempt {
  readonly startedAt: string;
  readonly endedAt: string | null;
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly reason: string | null;
}

/** Patterns that say which files are sealed. */
export interface SealedPart {
  /** Only what is as one of these says, with all that is in it; absent: everything. */
  readonly artifact?: readonly string[];
  /** Not what is as one of these says, nor anything in it. */
  readonly exclude?: readonly string[];
}

/** A shell command, and where it runs. */
export interface OnEnd {
  readonly command: string;
  readonly cwd: string;
}

/** What to run, as it was asked for. Environment values are left out: they may be secrets. */
export interface TaskSpec {
  /**
   * Text of `decodeBytes`. In a record U+FFFD stands for what is not UTF-8: see `commandBase64`.
   */
  readonly command: readonly string[];
  /**
   * As `command`: the caller's for processes, one in the container for images; null: the image's.
   */
  readonly cwd: string | null;
  readonly engine: string;
  readonly image: string | null;
  /** Names of the variables given with -e. */
  readonly env: readonly string[];
  readonly timeoutMs: number | null;
  readonly retries: number;
  readonly maxRunning: number | null;
  /** The tasks that have to complete before it starts; absent: none. */
  readonly after?: readonly TaskName[];
  /** Its place in its queue: higher ones come first; absent: 0. */
  readonly priority?: number;
  /** The group whose limit counts for it; absent: none. */
  readonly group?: string;
  /** How long open writers of the mount get to close their files after its end; else 10 s. */
  readonly drainMs?: number;
  /** Whether what editors left beside its files is sealed as well; absent: it is left out. */
  readonly keepEditorFiles?: boolean;
  /** Which part of its files is sealed, by patterns as of .gitignore; absent: all of them. */
  readonly sealedPart?: SealedPart;
  /** A shell command to run once it has ended and its files are sealed or kept; absent: none. */
  readonly onEnd?: OnEnd;
  /** The largest size of the log in bytes, after which output is dropped; absent: unlimited. */
  readonly logMaxBytes?: number;
  /** What the user called it by, `--label K=V`; absent: nothing. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Engine-specific settings (limits, volumes, network), plain JSON. */
  readonly options: Readonly<Record<string, unknown>>;
}

/** A command of a local process with nothing else asked for, but for what is named. */
export function taskSpec(command: readonly string[], asked: Partial<TaskSpec> = {}): TaskSpec {
  return {
    command,
    cwd: null,
    engine: 'process',
    image: null,
    env: [],
    timeoutMs: null,
    retries: 0,
    maxRunning: null,
    options: {},
    ...asked,
  };
}

/** The process that holds, or held last, the lock of a task, and where. */
export interface Supervisor extends Machine {
  readonly pid: number;
  /** In clock ticks since boot: with the pid, it names a process for good. */
  readonly startTime: number;
  /** Who could see the lock that it took. */
  readonly locks: LockReach;
}

/** The record of a task, `tasks/<task>/task.json`: replaced as a whole at each change. */
export interface TaskRecord extends TaskSpec {
  readonly format: 1;
  readonly task: TaskName;
  /** Each word's bytes in base64, where one of them is not UTF-8: then this is the command. */
  readonly commandBase64?: readonly string[];
  /** The same of `cwd`. */
  readonly cwdBase64?: string;
  readonly status: Status;
  readonly artifacts: Artifacts;
  readonly paused: boolean;
  readonly reason: string | null;
  readonly reasonKind: ReasonKind | null;
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** Why sealing failed last, while artifacts are `kept`. */
  readonly sealError: string | null;
  /**
   * Why a sealed task's plaintext is still there, `not removed, PATH: reason`; else absent or
   * null.
   */
  readonly plaintext?: string | null;
  /** ISO 8601, UTC; null until it happened. */
  readonly createdAt: string;
  readonly startedAt: string | null;
  readonly endedAt: string | null;
  /**
   * When writers were cut off that had not closed its files in time; absent where there were none.
   */
  readonly frozenAt?: string;
  readonly sealedAt: string | null;
  /** Milliseconds from freeze to commit. */
  readonly sealMs: number | null;
  /** How many files and directories were left out of the archive, as `sealedPart` says. */
  readonly leftOut?: number;
  /** The process that last took the task's lock, as its own pid namespace counts. */
  readonly supervisorPid: number | null;
  /** The same with its machine; absent in records of older versions. */
  readonly supervisor?: Supervisor;
  /** Those of `after` that were not seen to complete yet. */
  readonly awaiting?: readonly TaskName[];
  /** When the command for its end was about to be started; absent: not yet. */
  readonly onEndStartedAt?: string;
  readonly attempts: readonly Attempt[];
  /** What the engine needs to find its process or container again; null before it started. */
  readonly engineState: Readonly<Record<string, unknown>> | null;
  /** The engine did not answer when what is left of a run was to be removed: recovery does it. */
  readonly unremoved?: boolean;
  /** The engine's states of those runs, oldest first. */
  readonly leftBehind?: readonly Readonly<Record<string, unknown>>[];
}

/** A record for a task that was just accepted. */
export function newRecord(task: TaskName, spec: TaskSpec, now: Date = new Date()): TaskRecord {
  return {
    format: 1,
    task,
    status: 'queued',
    artifacts: 'live',
    paused: false,
    reason: null,
    reasonKind: null,
    exitCode: null,
    signal: null,
    sealError: null,
    createdAt: now.toISOString(),
    startedAt: null,
    endedAt: null,
    sealedAt: null,
    sealMs: null,
    supervisorPid: null,
    attempts: [],
    engineState: null,
    ...spec,
    ...inUnicode(spec),
  };
}

/** JSON is Unicode: what is not goes into fields of its own. */
function inUnicode({ command, cwd, env }: TaskSpec): Partial<TaskRecord> {
  return {
    command: command.map(showText),
    env: env.map(showText),
    cwd: cwd === null ? null : showText(cwd),
    ...(!command.every(isPlainText) && { commandBase64: command.map(toBase64) }),
    ...(cwd !== null && !isPlainText(cwd) && { cwdBase64: toBase64(cwd) }),
  };
}

const toBase64 = (text: string): string => encodeText(text).toString('base64');
const fromBase64 = (text: string): string => decodeBytes(Buffer.from(text, 'base64'));

/** The command of a task, as text of `decodeBytes`. */
export const commandOf = ({ command, commandBase64 }: TaskRecord): readonly string[] =>
  commandBase64?.map(fromBase64) ?? command;

/** The working directory of a task, as text of `decodeBytes`. */
export const cwdOf = ({ cwd, cwdBase64 }: TaskRecord): string | null =>
  cwdBase64 === undefined ? cwd : fromBase64(cwdBase64);

/**
 * Reads a record. Throws `not-found` where there is no such task, `usage` where a newer taskfs
 * wrote the record, `damaged` where it is not one at all.
 */
export function readRecord(path: string, task: TaskName): TaskRecord {
  const record = parse(path, task, readText(path, task));
  if (typeof record.format === 'number' && record.format > FORMAT) throw newer(record.format, task);
  if (record.task === task && isWhole(record)) return record;
  throw unreadable(path, task);
}

const FORMAT = 1;

function parse(path: string, task: TaskName, text: string): Fields {
  try {
    return Object(JSON.parse(text)) as Fields;
  } catch (cause) {
    throw unreadable(path, task, cause);
  }
}

/** Whether all fields are there that readers of records rely on. */
function isWhole(record: Fields): record is TaskRecord {
  const { format, status, artifacts, createdAt, command, attempts, engine } = record;
  return (
    format === FORMAT &&
    isState(status, artifacts) &&
    typeof createdAt === 'string' &&
    typeof engine === 'string' &&
    Array.isArray(attempts) &&
    Array.isArray(command) &&
    command.every((word) => typeof word === 'string')
  );
}

type Fields = Partial<Record<keyof TaskRecord, unknown>>;

/** A command line has 2 MiB at most, and JSON makes six bytes of one. */
const MAX_RECORD = 32 * 1024 * 1024;

function readText(path: string, task: TaskName): string {
  try {
    return readRegularText(path, MAX_RECORD);
  } catch (cause) {
    // A task's directory appears and goes as a whole.
    const isThere = errnoOf(cause) !== errno.ENOENT || existsSync(dirname(path));
    if (isThere) throw unreadable(path, task, cause, `: ${messageOf(cause)}`);
    throw new TaskfsError('not-found', `no task is named ${task}`, {
      hint: "'taskfs ps -a' lists all tasks.",
      cause,
    });
  }
}

const unreadable = (path: string, task: TaskName, cause?: unknown, why = ''): TaskfsError =>
  new TaskfsError('damaged', `the record of task ${task} (${path}) is unreadable${why}`, {
    hint:
      'Its files are untouched. Put the record back from a backup, or ' +
      `'taskfs rm ${task}' removes the task and its files.`,
    cause,
  });

const newer = (format: number, task: TaskName): TaskfsError =>
  new TaskfsError(
    'usage',
    `the record of task ${task} is of format ${format}; this taskfs knows format ${FORMAT}`,
    { hint: 'A newer taskfs wrote it: use that one, also to remove the task.' },
  );

/** Writes the first record of a task. */
export function createRecord(path: string, record: TaskRecord): void {
  writeFileAtomic(path, serialise(record));
}

/** Changes a record, if the state machine allows it. Only for the holder of the task's lock. */
export function replaceRecord(
  path: string,
  from: TaskRecord,
  change: Partial<TaskRecord>,
): TaskRecord {
  const to: TaskRecord = { ...from, ...change };
  assertTransition(from.task, from, to);
  writeFileAtomic(path, serialise(to));
  return to;
}

const serialise = (record: TaskRecord): string => `${JSON.stringify(record, null, 2)}\n`;
