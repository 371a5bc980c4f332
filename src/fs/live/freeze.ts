import { closeSync, constants, openSync } from 'node:fs';
import { Errno, errno } from '../../errno.ts';
import { type Store, type TaskName, taskPaths } from '../../store/index.ts';
import { tryLock, unlock } from '../../sys/index.ts';
import type { TaskRecords } from '../task-records.ts';

interface Writers {
  readonly fd: number;
  count: number;
  isLocked: boolean;
  /** When its record last said that the task is live; performance.now(). */
  liveAt: number;
  /** When its record last said that whoever has a file open may write to it; performance.now(). */
  openAt: number;
}

/**
 * For how long (milliseconds) that is cached: reading the record costs more than a small write.
 */
const RECORD_TTL_MS = 20;

/**
 * For how long (milliseconds) the lock is kept after a change, and its record believed: whoever
 * makes many changes would spend a tenth of the time on these. The finaliser waits that long more.
 */
const LINGER_MS = 5;

/** How many tasks' lock files stay open while nobody writes. */
const IDLE_LIMIT = 64;

/**
 * Keeps changes and sealing apart. Whoever changes a task's files, or has one open for writing,
 * holds the task's `writers` lock shared; the finaliser marks the record, then waits for the lock.
 * So a change either began before the freeze and is waited for, or sees the record and is refused.
 * Not for ever: the finaliser then marks the record once more, and open files refuse writes too.
 * A lock that is held all along since the record was read keeps the finaliser waiting, so that
 * more changes may be made for a moment without reading it again.
 */
export class Freeze {
  private readonly store: Store;
  private readonly records: TaskRecords;
  private readonly lingers: boolean;
  private readonly writers = new Map<TaskName, Writers>();
  /** Those whose lock is kept though nobody writes. */
  private readonly lingering = new Set<Writers>();

  /** `lingers`: `settle` will be called, so that locks may be kept until then. */
  constructor(store: Store, records: TaskRecords, lingers: boolean) {
    this.store = store;
    this.records = records;
    this.lingers = lingers;
  }

  /** Runs one change of a task's files. Throws EROFS where the task is frozen. */
  change<T>(task: TaskName, action: () => T): T {
    this.enter(task);
    try {
      return action();
    } finally {
      this.leave(task);
    }
  }

  /** Whether a task's files are not to be changed any more. */
  isFrozen(task: TaskName): boolean {
    return this.records.find(task)?.artifacts !== 'live';
  }

  /** Announces a writer, to be ended by `leave`. Throws EROFS where the task is frozen. */
  enter(task: TaskName): void {
    const writers = this.writersOf(task);
    const now = performance.now();
    if (writers.isLocked && now < writers.liveAt + LINGER_MS) {
      writers.count++;
      return;
    }
    if (!writers.isLocked && !tryLock(writers.fd, 'shared')) throw Errno.of(errno.EROFS);
    writers.isLocked = true;
    if (!this.isFrozen(task)) {
      writers.count++;
      writers.liveAt = now;
      return;
    }
    if (writers.count === 0) this.unlock(writers);
    throw Errno.of(errno.EROFS);
  }

  /** Announces one more writer, from within a change. */
  join(task: TaskName): void {
    this.writersOf(task).count++;
  }

  leave(task: TaskName): void {
    const writers = this.writersOf(task);
    writers.count--;
    if (writers.count > 0) return;
    if (this.lingers && performance.now() < writers.liveAt + LINGER_MS) this.lingering.add(writers);
    else this.unlock(writers);
  }

  /**
   * Drops locks that were kept long enough. Returns in how many milliseconds it is to be called
   * again: Infinity where none is kept.
   */
  settle(): number {
    let dueInMs = Number.POSITIVE_INFINITY;
    for (const writers of this.lingering) {
      const left = writers.liveAt + LINGER_MS - performance.now();
      if (writers.count > 0) this.lingering.delete(writers);
      else if (left <= 0) this.unlock(writers);
      else dueInMs = Math.min(dueInMs, left);
    }
    return dueInMs;
  }

  private unlock(writers: Writers): void {
    unlock(writers.fd);
    writers.isLocked = false;
    this.lingering.delete(writers);
    if (this.writers.size > IDLE_LIMIT) this.closeIdle();
  }

  /** Throws EROFS where files open for writing were cut off, as they were not closed in time. */
  assertOpen(task: TaskName): void {
    const writers = this.writersOf(task);
    const now = performance.now();
    if (now - writers.openAt < RECORD_TTL_MS) return;
    const record = this.records.find(task);
    const isOpen =
      record?.artifacts === 'live' || (record?.artifacts === 'sealing' && !record.frozenAt);
    if (!isOpen) throw Errno.of(errno.EROFS);
    writers.openAt = now;
  }

  private writersOf(task: TaskName): Writers {
    const known = this.writers.get(task);
    if (known) return known;
    const { writers: path } = taskPaths(this.store, task);
    const writers: Writers = {
      fd: openWriters(path),
      count: 0,
      isLocked: false,
      liveAt: Number.NEGATIVE_INFINITY,
      openAt: Number.NEGATIVE_INFINITY,
    };
    this.writers.set(task, writers);
    return writers;
  }

  private closeIdle(): void {
    for (const [task, { fd, isLocked }] of this.writers) {
      if (isLocked) continue;
      closeSync(fd);
      this.writers.delete(task);
    }
  }

  close(): void {
    for (const { fd } of this.writers.values()) closeSync(fd);
    this.writers.clear();
  }
}

/** A task without a directory of its own has no record either: nothing may change. */
function openWriters(path: string): number {
  try {
    return openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw Errno.of(errno.EROFS);
    throw error;
  }
}
