import type { Attempt } from '../store/index.ts';
import type { Engine, EngineState, Launch, Running } from './engines/engine.ts';
import type { Journal } from './journal.ts';
import { type Ending, notStarted, stoppedAtStart } from './outcome.ts';
import type { TaskOutput } from './output.ts';
import type { Requests } from './requests.ts';
import { pursue } from './run-control.ts';
import { limitStart } from './start-limit.ts';
import type { SuperviseOptions } from './supervision.ts';

/** What one attempt works with. */
export interface Bench {
  readonly journal: Journal;
  readonly requests: Requests;
  readonly engine: Engine;
  readonly output: TaskOutput;
  readonly say: SuperviseOptions['say'];
}

/** How long a run that was asked to end may take, where the task says nothing else, in milliseconds. */
const DEFAULT_GRACE_MS = 10_000;

/** Starts the command once and follows it to its end. */
export async function runAttempt(
  bench: Bench,
  launch: Launch,
  { stdin, onRunning }: SuperviseOptions,
): Promise<Ending> {
  const { engine, journal, requests, output } = bench;
  const { timeoutMs } = journal.record;
  const startedAt = new Date().toISOString();
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
    return await follow(bench, running);
  } finally {
    leave?.();
  }
}

function newAttempt(startedAt: string): Attempt {
  return { startedAt, endedAt: null, exitCode: null, signal: null, reason: null };
}

/** Finds the last attempt of a task again, after its supervisor died; undefined where it is lost. */
export async function resumeAttempt(bench: Bench): Promise<Ending | undefined> {
  const { engine, journal, output } = bench;
  const { engineState } = journal.record;
  if (!engineState) return undefined;
  const logged = output.logged - Number(engineState.logStart);
  const running = await engine.attach(engineState, logged, output);
  if (!running) return undefined;
  journal.note({ type: 'reattached', attempt: journal.record.attempts.length });
  return follow(bench, running);
}

async function follow(bench: Bench, running: Running): Promise<Ending> {
  const { journal, requests, say } = bench;
  const { timeoutMs, options, attempts } = journal.record;
  const elapsed = Date.now() - Date.parse(attempts.at(-1)?.startedAt ?? '');
  return pursue(running, {
    requests,
    journal,
    say,
    timeoutMs,
    remainingMs: timeoutMs === null ? null : timeoutMs - elapsed,
    graceMs: typeof options.graceMs === 'number' ? options.graceMs : DEFAULT_GRACE_MS,
  });
}
