import { setTimeout as sleep } from 'node:timers/promises';
import { TaskfsError, unlessNotFound } from '../errors.ts';
import { isFinal, readRecord, type Store, type TaskName, taskPaths } from '../store/index.ts';
import type { TaskLog } from './task-log.ts';

/** Which lines of a log are read. Times are milliseconds since 1970. */
export interface LogSelection {
  /** Only those that began at that time or later. */
  readonly since?: number | undefined;
  /** Only those that began by then. */
  readonly until?: number | undefined;
  /** Only so many of them, from the end. */
  readonly tail?: number | undefined;
}

/** Where selected lines begin and end; infinity: they grow with the log. */
export interface LogRange {
  readonly from: number;
  readonly end: number;
}

/** Finds lines. Throws `failed` where their times were not recorded. */
export function findLines(
  log: TaskLog,
  task: TaskName,
  { since, until, tail }: LogSelection,
): LogRange {
  const times = since === undefined && until === undefined ? undefined : timesOf(log, task);
  const size = log.size();
  const first = since === undefined ? 0 : (times?.firstFrom(since) ?? 0);
  const past = until === undefined ? Number.POSITIVE_INFINITY : (times?.firstAfter(until) ?? size);
  const end = past === Number.POSITIVE_INFINITY ? past : lineStart(log, past);
  const from = Math.min(first === 0 ? 0 : lineStart(log, first), end);
  if (tail === undefined) return { from, end };
  return { from: Math.max(from, startOfLastLines(log, tail, Math.min(size, end))), end };
}

/**
 * The times of a log's lines; undefined of one that is empty. Throws `failed` where it has none.
 */
export function timesOf(log: TaskLog, task: TaskName) {
  const times = log.times();
  if (times || log.size() === 0) return times;
  throw new TaskfsError('failed', `the times of what task ${task} printed were not recorded`, {
    hint: 'An older taskfs ran it. Leave out --since, --until and --timestamps.',
  });
}

/** A piece of a log, and where it stands there. */
export interface LogPiece {
  readonly at: number;
  readonly bytes: Buffer;
}

/** How often a growing log is read, in milliseconds. */
const POLL_MS = 100;

/** Reads a range of a log as it is now, each piece into memory of its own. */
export function* readLog(
  log: Pick<TaskLog, 'read'>,
  { from, end }: LogRange,
): Generator<LogPiece, number> {
  for (let at = from; ; ) {
    const bytes = Buffer.allocUnsafe(Math.min(PIECE, Math.max(0, end - at)));
    const length = log.read(bytes, at);
    if (length === 0) return at;
    yield { at, bytes: bytes.subarray(0, length) };
    at += length;
  }
}

/** Reads a range of a log, and on as it grows, until nothing more comes. */
export async function* followLog(
  log: TaskLog,
  { from, end }: LogRange,
  hasEnded: () => boolean,
): AsyncGenerator<LogPiece> {
  for (let at = from; ; ) {
    // Asked before the reading: what came before the end is read.
    const isLast = hasEnded();
    at = yield* readLog(log, { from: at, end });
    if (isLast || at >= end) return;
    await sleep(POLL_MS);
  }
}

/**
 * Whether nothing more comes into the log of a task: it has ended, or was removed, or `until`, in
 * milliseconds since 1970, is over.
 */
export function isLogComplete(store: Store, task: TaskName, until?: number): boolean {
  if (until !== undefined && Date.now() > until) return true;
  const record = unlessNotFound(() => readRecord(taskPaths(store, task).record, task));
  return record === undefined || isFinal(record.status);
}

const PIECE = 64 * 1024;
const NEWLINE = 0x0a;

/** Where the first line begins that does so at an offset or behind it. */
function lineStart(log: TaskLog, offset: number): number {
  if (offset === 0) return 0;
  const size = log.size();
  for (const { at, bytes } of readLog(log, {
    from: Math.max(0, Math.min(offset, size) - 1),
    end: size,
  })) {
    const newline = bytes.indexOf(NEWLINE);
    if (newline >= 0) return at + newline + 1;
  }
  return size;
}

/**
 * Where the last lines before `end` begin; read from the end, so that a long log costs no more than
 * a short one.
 */
function startOfLastLines(log: TaskLog, lines: number, end: number): number {
  if (lines === 0) return end;
  const block = Buffer.alloc(PIECE);
  let missing = lines;
  for (let blockEnd = end; blockEnd > 0; ) {
    const start = Math.max(0, blockEnd - block.length);
    const length = log.read(block.subarray(0, blockEnd - start), start);
    for (let at = length - 1; at >= 0; at--) {
      if (block[at] !== NEWLINE || start + at === end - 1) continue;
      missing -= 1;
      if (missing === 0) return start + at + 1;
    }
    blockEnd = start;
  }
  return 0;
}
