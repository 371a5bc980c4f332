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
  /** A check was left out for the same reason, though nothing was reported. */
  private isBehind = false;
  /** Whether a report is to end this sleep. */
  listens = true;

  constructor(session: Session) {
    this.session = session;
  }

  /**
   * To be called before a sleep. Returns in how many milliseconds there is a check; Infinity where
   * that is only for a report to say: a timer for each sleep would take longer than they.
   */
  beforeSleep(): number {
    const lagUntil = this.lagUntil();
    this.listens = !this.isWaiting && lagUntil === FOR_EVER;
    const replayAt = this.session.replayer?.dueAt ?? FOR_EVER;
    const dueAt = this.isWaiting ? 0 : Math.min(replayAt, lagUntil);
    if (dueAt === FOR_EVER) return FOR_EVER;
    return Math.max(0, Math.max(dueAt, this.checkedAt + INTERVAL_MS) - performance.now());
  }

  /**
   * Until when (performance.now()) reports are left unread; Infinity: they are to end a sleep.
   * Where nothing is cached that they could make old, they would only wait for the next batch of
   * replays, and each would wake this thread.
   */
  private lagUntil(): number {
    const { replayer, fileSystem } = this.session;
    const replaysFrom = replayer?.replaysFrom ?? 0;
    if (replaysFrom === 0 || replaysFrom <= performance.now()) return FOR_EVER;
    return fileSystem.isAnythingCached?.() === false ? replaysFrom : FOR_EVER;
  }

  /** There is a report: passes it on, or lets it wait. */
  reported(): void {
    this.isWaiting = true;
    this.pass();
  }

  /** Passes on what there is, unless the last check was just now and nothing depends on it. */
  pass(): void {
    const now = performance.now();
    if (now < this.checkedAt + INTERVAL_MS && !this.session.replayer?.isOvertaken) {
      this.isBehind = true;
      return;
    }
    this.checkedAt = now;
    this.isWaiting = false;
    this.isBehind = false;
    const { fileSystem } = this.session;
    fileSystem.settle?.();
    const changes = fileSystem.takeChanges?.();
    if (changes && changes.length > 0) this.session.invalidate(changes);
    this.session.replayer?.pass(now);
  }

  /** The same of what was left to be passed on, where nothing new can have come. */
  passOverdue(): void {
    if (this.isWaiting || this.isBehind || this.session.replayer?.isOvertaken) this.pass();
  }
}
