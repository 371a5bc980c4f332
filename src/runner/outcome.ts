import { type ErrorKind, messageOf, TaskfsError } from '../errors.ts';
import type { Attempt, ReasonKind, Status, TaskRecord } from '../store/index.ts';
import { isoNow } from '../sys/index.ts';
import type { Exit } from './engines/engine.ts';

/** How a task, or one attempt of it, ended. */
export interface Outcome {
  readonly kind: ReasonKind;
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** In words, for the record. */
  readonly reason: string;
  /** Nothing of the run is left that could touch the files. */
  readonly isOver?: boolean | undefined;
}

/** The status that an outcome leads to. */
export function statusOf({ kind, exitCode }: Outcome): Status {
  if (kind === 'cancelled' || kind === 'dependency') return 'cancelled';
  return kind === 'exit' && exitCode === 0 ? 'completed' : 'failed';
}

/** What a supervisor did to a run before it ended. */
export type Stop = 'none' | 'cancelled' | 'timeout';

/** The outcome of a run: its own, unless it was cancelled or its time was over. */
export function outcomeOf(exit: Exit, stop: Stop, timeoutMs: number | null): Outcome {
  const { exitCode, signal, isOver } = exit;
  if (stop === 'cancelled') {
    return { kind: 'cancelled', exitCode, signal, isOver, reason: `cancelled; ${exit.reason}` };
  }
  if (stop === 'timeout') {
    const reason = `timed out after ${(timeoutMs ?? 0) / 1000} s; ${exit.reason}`;
    return { kind: 'timeout', exitCode, signal, isOver, reason };
  }
  return { kind: exit.kind, exitCode, signal, isOver, reason: exit.reason };
}

/** The outcome of an attempt whose start was broken off. */
export function stoppedAtStart(stop: Stop, timeoutMs: number | null): Outcome {
  const kind = stop === 'timeout' ? 'timeout' : 'cancelled';
  const how = kind === 'timeout' ? `timed out after ${(timeoutMs ?? 0) / 1000} s` : 'cancelled';
  return { kind, exitCode: null, signal: null, reason: `${how}, before its command ran` };
}

/** A task that was cancelled before it ran. */
export const cancelledInQueue: Outcome = {
  kind: 'cancelled',
  exitCode: null,
  signal: null,
  reason: 'cancelled while it was queued',
};

/** The outcome of a task whose supervisor died, with nothing left to follow. */
export function interruptedOutcome({ status, env }: TaskRecord, cancelled: boolean): Outcome {
  const isQueued = status === 'queued';
  const when = isQueued ? 'before it started' : 'while it ran';
  // Without, it would have been queued again.
  const lost = isQueued && !cancelled && env.length > 0;
  const why = lost ? `, and with it the values given with -e (${env.join(', ')})` : '';
  const how = cancelled ? 'cancelled' : 'interrupted';
  return {
    kind: how,
    exitCode: null,
    signal: null,
    reason: `${how}: its supervisor ended ${when}${why}`,
  };
}

const exitCodeOfKind: Partial<Record<ErrorKind, number>> = {
  'command-not-found': 127,
  'not-executable': 126,
};

/**
 * The outcome of a task that could not be started, also
 * where nobody expected what kept it from that.
 */
export function notStarted(error: unknown): Outcome {
  const base = { kind: 'not-started', signal: null } as const;
  if (!(error instanceof TaskfsError)) {
    return { ...base, exitCode: null, reason: `it could not be started: ${messageOf(error)}` };
  }
  const { kind, message, hint } = error;
  const reason = hint === undefined ? message : `${message}. ${hint}`;
  return { ...base, exitCode: exitCodeOfKind[kind] ?? null, reason };
}

/**
 * Whether another attempt may end better: not where
 * somebody wanted the end, or nothing ran at all.
 */
export function isWorthRetrying(outcome: Outcome): boolean {
  return statusOf(outcome) === 'failed' && outcome.kind !== 'not-started';
}

/** The change of a record that closes its last attempt; nothing where none is open. */
export function closeAttempt({ attempts }: TaskRecord, outcome: Outcome): Partial<TaskRecord> {
  const last = attempts.at(-1);
  if (!last || last.endedAt !== null) return {};
  const { exitCode, signal, reason } = outcome;
  const closed: Attempt = { ...last, endedAt: isoNow(), exitCode, signal, reason };
  return { attempts: [...attempts.slice(0, -1), closed], paused: false };
}
