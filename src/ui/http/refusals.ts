import type { Context } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { type ErrorKind, messageOf, TaskfsError } from '../../errors.ts';
import type { Refusal } from '../protocol.ts';
import { Conflict } from './save.ts';

const STATUS: Readonly<Partial<Record<ErrorKind, ContentfulStatusCode>>> = {
  usage: 400,
  'wrong-key': 403,
  'not-found': 404,
};

/** Says in the answer what went wrong, and what to do. */
export function answerError(error: Error, context: Context): Response {
  const hint = error instanceof TaskfsError ? (error.hint ?? null) : null;
  return context.json({ error: messageOf(error), hint } satisfies Refusal, statusOf(error));
}

function statusOf(error: Error): ContentfulStatusCode {
  if (error instanceof Conflict) return 409;
  return error instanceof TaskfsError ? (STATUS[error.kind] ?? 500) : 500;
}
