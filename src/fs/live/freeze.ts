import { closeSync, constants, openSync } from 'node:fs';
import { Errno, errno } from '../../errno.ts';
import { type Store, type TaskName, taskPaths } from '../../store/index.ts';
import { tryLock, unlock } from '../../sys/index.ts';
import type { TaskRecords } from '../task-records.ts';

interface Writers {
  readonly fd: number;
  count: number;
  /** When its record last said that whoever has a file open may write to it; performance.now(). */
  openAt: number;
}

/**
 * For how long (milliseconds) that is cached: reading the record costs more than a small write.
 */
const RECORD_TTL_MS = 20;

/** How many tasks' lock files stay open while nobody writes. */
const IDLE_LIMIT = 64;

/**
 * Keeps changes and sealing apart. Whoever changes a task's files, or has one open for writing,
 * holds the task's `writers` lock shared; the finaliser marks the record, then waits for the lock.
 * So a change either began before the freeze and is waited for, or sees the record and is refused.
 * Not for ever: the finaliser then marks the record once more, and open files refuse writes too.
 */
export class Freeze {
  private readonly store: Store;
  private readonly records: TaskRecords;
  private readonly writers = new Map<TaskName, Writers>();

  constructor(store: Store, records: TaskRecords) {
    this.store = store;
    this.records = records;
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
    if (writers.count === 0 && !tryLock(writers.fd, 'shared')) throw Errno.of(errno.EROFS);
    writers.count++;
    if (!this.isFrozen(task)) return;
    this.leave(task);
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
    unlock(writers.fd);
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
      openAt: Number.NEGATIVE_INFINITY,
    };
    this.writers.set(task, writers);
    return writers;
  }

  private closeIdle(): void {
    for (const [task, { fd, count }] of this.writers) {
      if (count > 0) continue;
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
