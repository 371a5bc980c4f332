import { mkdirSync } from 'node:fs';
import { messageOf } from '../errors.ts';
import { type Attempt, commandOf, cwdOf } from '../store/index.ts';
import { isoNow } from '../sys/index.ts';
import { type Caller, currentCaller } from './caller.ts';
import type { Engine, EngineState, Launch, Running } from './engines/engine.ts';
import { loadEngine } from './engines/registry.ts';
import type { Journal } from './journal.ts';
import { scratchDirectory } from './journal.ts';
import {
  closeAttempt,
  isWorthRetrying,
  notStarted,
  type Outcome,
  stoppedAtStart,
} from './outcome.ts';
import { openOutput, type TaskOutput } from './output.ts';
import type { Requests } from './requests.ts';
import { controlRun } from './run-control.ts';
import type { SuperviseOptions, SupervisorContext } from './supervisor-context.ts';
import { limitStart } from './time-limit.ts';

type Environment = Readonly<Record<string, string>>;

/** Runs the command, again after a failure as often as the task says; the last outcome counts. */
export async function runAttempts(
  supervisor: SupervisorContext,
  env: Environment,
): Promise<Outcome> {
  const { journal, options, requests } = supervisor;
  const engine = await loadEngine(journal.record.engine).catch(notStarted);
  if ('reason' in engine) return engine;
  const caller = options.caller ?? currentCaller();
  for (let attempt = 1; ; attempt++) {
    const launch = prepareLaunch(journal, env, caller, attempt);
    if ('reason' in launch) return launch;
    const outcome = await withOutput(supervisor, engine, (context) =>
      runAttempt(context, launch, options),
    );
    const last = attempt > journal.record.retries || !isWorthRetrying(outcome);
    if (last || requests.cancel !== 'none') return outcome;
    const { reason } = outcome;
    journal.change(closeAttempt(journal.record, outcome), { type: 'retrying', attempt, reason });
    await removeRuns(journal);
  }
}

/** Follows the last run of a task whose supervisor died; undefined where it is lost. */
export async function followAgain(supervisor: SupervisorContext): Promise<Outcome | undefined> {
  const engine = await loadEngine(supervisor.journal.record.engine);
  return withOutput(supervisor, engine, resumeAttempt);
}

async function withOutput<T>(
  { journal, requests, options }: SupervisorContext,
  engine: Engine,
  work: (context: AttemptContext) => Promise<T>,
): Promise<T> {
  const output = openOutput(journal.paths, options, journal.record.logMaxBytes);
  try {
    return await work({ journal, requests, engine, output, say: options.say });
  } finally {
    output.close();
    if (output.logError !== null) {
      const { logError: error } = output;
      journal.note({ type: 'log-cut', error });
      options.say?.(`the log of task ${journal.record.task} is incomplete: ${error}`);
    }
  }
}

/**
 * Removes what is left of a task's runs: processes, containers. Only after the outcome stands in
 * the record, for a container takes its exit code with it. What cannot be removed now is no reason
 * not to seal, nor to give up further attempts: the record keeps it, and recovery tries again.
 * Returns why something stayed, in words; nothing where all is gone.
 */
export async function removeRuns(journal: Journal): Promise<string[]> {
  const { engineState, leftBehind = [], unremoved = false } = journal.record;
  const left: EngineState[] = [];
  const errors: string[] = [];
  for (const run of engineState ? [...leftBehind, engineState] : leftBehind) {
    try {
      const engine = await loadEngine(journal.record.engine);
      await engine.remove(run);
    } catch (error) {
      left.push(run);
      errors.push(messageOf(error));
      journal.note({ type: 'engine-error', error: messageOf(error) });
    }
  }
  if (left.length > 0) journal.change({ unremoved: true, leftBehind: left, engineState: null });
  else if (unremoved) journal.change({ unremoved: false, leftBehind: [] });
  return errors;
}

/** What an attempt is started with, or why it cannot be: a disk may be full already. */
function prepareLaunch(
  { record, paths }: Journal,
  env: Environment,
  caller: Caller,
  attempt: number,
): Launch | Outcome {
  const { task, image, options } = record;
  const { staging } = paths;
  const scratch = scratchDirectory(paths.directory);
  try {
    mkdirSync(scratch, { recursive: true, mode: 0o700 });
  } catch (error) {
    return notStarted(error);
  }
  const command = commandOf(record);
  const cwd = cwdOf(record);
  return { task, attempt, command, cwd, env, caller, staging, scratch, image, options };
}

/** What one attempt works with. */
export interface AttemptContext {
  readonly journal: Journal;
  readonly requests: Requests;
  readonly engine: Engine;
  readonly output: TaskOutput;
  readonly say: SuperviseOptions['say'];
}

/**
 * How long a run that was asked to end may take, where the
 * task says nothing else, in milliseconds.
 */
const DEFAULT_GRACE_MS = 10_000;

/** Starts the command once and follows it to its end. */
async function runAttempt(
  context: AttemptContext,
  launch: Launch,
  { stdin, onRunning }: SuperviseOptions,
): Promise<Outcome> {
  const { engine, journal, requests, output } = context;
  const { timeoutMs } = journal.record;
  const startedAt = isoNow();
  const logStart = output.logged;
  const begun = (): readonly Attempt[] => {
    const { attempts } = journal.record;
    return attempts.length < launch.attempt ? [...attempts, newAttempt(startedAt)] : attempts;
  };
  const remember = (state: EngineState): void =>
    journal.change({ engineState: { ...state, logStart }, attempts: begun() });
  const limit = limitStart(requests, journal, timeoutMs);
  let running: Running;
  try {
    running = await engine.start(launch, output, remember, { stdin, signal: limit.signal });
  } catch (error) {
    journal.change({ attempts: begun() });
    return limit.stop === 'none' ? notStarted(error) : stoppedAtStart(limit.stop, timeoutMs);
  } finally {
    limit.close();
  }
  const leave = onRunning?.(running);
  try {
    return await follow(context, running);
  } finally {
    leave?.();
  }
}

function newAttempt(startedAt: string): Attempt {
  return { startedAt, endedAt: null, exitCode: null, signal: null, reason: null };
}

/**
 * Finds the last attempt of a task again, after its supervisor died; undefined where it is lost.
 */
async function resumeAttempt(context: AttemptContext): Promise<Outcome | undefined> {
  const { engine, journal, output } = context;
  const { engineState } = journal.record;
  if (!engineState) return undefined;
  const logged = output.logged - Number(engineState.logStart);
  const running = await engine.attach(engineState, logged, output);
  if (!running) return undefined;
  journal.note({ type: 'reattached', attempt: journal.record.attempts.length });
  return follow(context, running);
}

async function follow(context: AttemptContext, running: Running): Promise<Outcome> {
  const { journal, requests, say } = context;
  const { timeoutMs, options, attempts } = journal.record;
  const elapsed = Date.now() - Date.parse(attempts.at(-1)?.startedAt ?? '');
  return controlRun(running, {
    requests,
    journal,
    say,
    timeoutMs,
    remainingMs: timeoutMs === null ? null : timeoutMs - elapsed,
    graceMs: typeof options.graceMs === 'number' ? options.graceMs : DEFAULT_GRACE_MS,
  });
}
