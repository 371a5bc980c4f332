import { mkdirSync } from 'node:fs';
import { messageOf } from '../errors.ts';
import { commandOf, cwdOf } from '../store/index.ts';
import { type Bench, resumeAttempt, runAttempt } from './attempt.ts';
import { type Caller, currentCaller } from './caller.ts';
import type { Engine, EngineState, Launch } from './engines/engine.ts';
import { loadEngine } from './engines/registry.ts';
import type { Journal } from './journal.ts';
import { closeAttempt, type Ending, isWorthRetrying, notStarted } from './outcome.ts';
import { openOutput } from './output.ts';
import { scratchDirectory } from './scratch.ts';
import type { Supervision } from './supervision.ts';

type Environment = Readonly<Record<string, string>>;

/** Runs the command, again after a failure as often as the task says; the last ending counts. */
export async function runAttempts(supervision: Supervision, env: Environment): Promise<Ending> {
  const { journal, options, requests } = supervision;
  const engine = await loadEngine(journal.record.engine).catch(notStarted);
  if ('reason' in engine) return engine;
  const caller = options.caller ?? currentCaller();
  for (let attempt = 1; ; attempt++) {
    const launch = prepareLaunch(journal, env, caller, attempt);
    if ('reason' in launch) return launch;
    const ending = await atBench(supervision, engine, (bench) =>
      runAttempt(bench, launch, options),
    );
    const last = attempt > journal.record.retries || !isWorthRetrying(ending);
    if (last || requests.cancel !== 'none') return ending;
    const { reason } = ending;
    journal.change(closeAttempt(journal.record, ending), { type: 'retrying', attempt, reason });
    await removeRuns(journal);
  }
}

/** Follows the last run of a task whose supervisor died; undefined where it is lost. */
export async function followAgain(supervision: Supervision): Promise<Ending | undefined> {
  const engine = await loadEngine(supervision.journal.record.engine);
  return atBench(supervision, engine, resumeAttempt);
}

async function atBench<T>(
  { journal, requests, options }: Supervision,
  engine: Engine,
  work: (bench: Bench) => Promise<T>,
): Promise<T> {
  const output = openOutput(journal.paths.log, options, journal.record.logMaxBytes);
  try {
    return await work({ journal, requests, engine, output, say: options.say });
  } finally {
    output.close();
    if (output.logError !== null) {
      const { logError: error } = output;
      journal.note({ type: 'log-cut', error });
      options.say?.(`the log of task ${journal.record.task} is not whole: ${error}`);
    }
  }
}

/**
 * Removes what is left of a task's runs: processes, containers. Only after the ending stands in the
 * record, for a container takes its exit code with it. What cannot be removed now is no reason not to
 * seal, nor to give up further attempts: the record keeps it, and recovery tries again. Returns why
 * something stayed, in words; nothing where all is gone.
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
): Launch | Ending {
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
