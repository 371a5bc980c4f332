import type { ExecFileException } from 'node:child_process';
import { errnoOf, errnoWords, namedMessage } from './errno.ts';

/**
 * What went wrong, in the classes that a user or a script can act on. The command line maps each
 * kind to an exit code in one place (src/cli/exit-code.ts).
 */
export type ErrorKind =
  /** Something failed that is nobody's mistake: a full disk, a killed helper. */
  | 'failed'
  /** The caller asked for what cannot be: a bad name, a mount point that is not empty. */
  | 'usage'
  | 'not-found'
  /** The key is missing or does not fit; the data may be fine. */
  | 'wrong-key'
  /** The data is not what was sealed. */
  | 'damaged'
  /** The command of a task cannot be executed, or does not exist. */
  | 'not-executable'
  | 'command-not-found';

/** Every error that is meant for a person: what happened, to what, and what to do next. */
export class TaskfsError extends Error {
  readonly kind: ErrorKind;
  /** What to do next, a sentence; shown after the message. */
  readonly hint: string | undefined;

  constructor(kind: ErrorKind, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'TaskfsError';
    this.kind = kind;
    this.hint = options.hint;
  }
}

/** What an action returns; undefined where it throws `not-found`. */
export function unlessNotFound<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (error instanceof TaskfsError && error.kind === 'not-found') return undefined;
    throw error;
  }
}

/** The message of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? namedMessage(error) : String(error);
}

/** What went wrong, and what to do about it. */
export function explain(error: unknown): string {
  const hint = error instanceof TaskfsError ? error.hint : undefined;
  return hint === undefined ? messageOf(error) : `${messageOf(error)}. ${hint}`;
}

/** Why something failed: of a refusal by the system its words alone, `no space left on device`. */
export function reasonOf(error: unknown): string {
  const { errno: number } = (error ?? {}) as NodeJS.ErrnoException;
  return typeof number === 'number' ? errnoWords(errnoOf(error)) : messageOf(error);
}

/**
 * Why a program that `execFile` ran did not do its work: the last line of what it said, else how it
 * ended.
 */
export function complaintOf(error: unknown): string {
  const { stderr, code, signal } = error as ExecFileException;
  const lines = stderr?.trim().split('\n') ?? [];
  const said = lines.at(-1)?.trim();
  if (said) return said;
  if (typeof code === 'number') return `it ended with ${code}`;
  return signal ? `it was ended by ${signal}` : reasonOf(error);
}
