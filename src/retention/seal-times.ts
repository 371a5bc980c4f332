import type { TaskName } from '../store/index.ts';

/** Something that happened in a store, as the clock was then. */
export interface DatedSeal {
  readonly type: 'sealed' | 'removed';
  readonly task: TaskName;
  /** Milliseconds since 1970. */
  readonly atMs: number;
}

/** When a task was sealed, as far as the clock can be believed. */
export interface SealTime {
  /** By the clock. Milliseconds since 1970. */
  readonly atMs: number;
  /** No earlier than anything that was sealed before it. */
  readonly agedFromMs: number;
  /** Whether the clock may have been set ahead since. */
  readonly isAgeInDoubt: boolean;
}

/** Where a store lay idle for longer, half a year, its clock may have been set ahead instead. */
const JUMP_MS = 180 * 24 * 3600 * 1000;

interface Known {
  readonly atMs: number;
  readonly agedFromMs: number;
  /** How often the clock had gone ahead by a jump before. */
  readonly jumps: number;
}

/**
 * Judges the age of sealed tasks by the order of what happened in a store; the tasks come in the
 * order in which they were sealed first, without those that were removed. What bears a time that
 * is still to come counts for nothing: the clock was ahead then, or is behind now.
 */
export function judgeSealTimes(
  inOrder: Iterable<DatedSeal>,
  nowMs: number,
): ReadonlyMap<TaskName, SealTime> {
  const known = new Map<TaskName, Known>();
  let latestMs: number | undefined;
  let jumps = 0;
  const pass = (atMs: number): void => {
    if (latestMs !== undefined && atMs - latestMs > JUMP_MS) jumps++;
    latestMs = Math.max(latestMs ?? atMs, atMs);
  };
  for (const { type, task, atMs } of inOrder) {
    if (atMs <= nowMs) pass(atMs);
    if (type === 'removed') known.delete(task);
    else if (!known.has(task)) known.set(task, { atMs, agedFromMs: latestMs ?? atMs, jumps });
  }
  pass(nowMs);
  return new Map(
    [...known].map(([task, { jumps: before, ...times }]) => [
      task,
      { ...times, isAgeInDoubt: before < jumps },
    ]),
  );
}
