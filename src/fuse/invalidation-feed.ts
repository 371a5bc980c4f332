import { performance } from 'node:perf_hooks';
import type { Session } from './session.ts';

/**
 * The least interval (milliseconds) between two checks for changes: a file that is written
 * thousands of times a second must not delay requests.
 */
const INTERVAL_MS = 1;
const FOR_EVER = Number.POSITIVE_INFINITY;

/** Passes what the file system reports as changed on to the kernel's caches. */
export class InvalidationFeed {
  private readonly session: Session;
  private checkedAt = Number.NEGATIVE_INFINITY;
  /** Something was reported since the last check, which is too short a while ago for another. */
  private isWaiting = false;

  constructor(session: Session) {
    this.session = session;
  }

  /**
   * How long (milliseconds) a report waits for the next check; Infinity where none does, so that
   * one may end a sleep. Sleeps have no limit then: a timer for each would take longer than they.
   */
  get dueInMs(): number {
    return this.isWaiting ? this.inMs(0) : FOR_EVER;
  }

  /** In how many milliseconds there is a check, if at this time (performance.now()) or later. */
  inMs(time: number): number {
    if (time === FOR_EVER) return FOR_EVER;
    return Math.max(0, Math.max(time, this.checkedAt + INTERVAL_MS) - performance.now());
  }

  /** There is a report: passes it on, or lets it wait. */
  reported(): void {
    this.isWaiting = true;
    this.pass();
  }

  /** Passes on what there is, unless the last check was just now and nothing depends on it. */
  pass(): void {
    const now = performance.now();
    if (now < this.checkedAt + INTERVAL_MS && !this.session.replayer?.isOvertaken) return;
    this.checkedAt = now;
    this.isWaiting = false;
    const { fileSystem } = this.session;
    fileSystem.settle?.();
    const changes = fileSystem.takeChanges?.();
    if (changes && changes.length > 0) this.session.invalidate(changes);
    this.session.replayer?.pass(now);
  }
}
