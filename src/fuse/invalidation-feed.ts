import { performance } from 'node:perf_hooks';
import type { Session } from './session.ts';

/**
 * The least interval (milliseconds) between two checks for changes: a file that is written
 * thousands of times a second must not delay requests.
 */
const INTERVAL_MS = 1;

/** Passes what the file system reports as changed on to the kernel's caches. */
export class InvalidationFeed {
  private readonly session: Session;
  private checkedAt = Number.NEGATIVE_INFINITY;

  constructor(session: Session) {
    this.session = session;
  }

  /** How long (milliseconds) until the next check is due. */
  get dueInMs(): number {
    return Math.max(0, this.checkedAt + INTERVAL_MS - performance.now());
  }

  /** Passes on what there is, unless the last check was just now. */
  pass(): void {
    const now = performance.now();
    if (now < this.checkedAt + INTERVAL_MS) return;
    this.checkedAt = now;
    const { fileSystem } = this.session;
    fileSystem.settle?.();
    const changes = fileSystem.takeChanges?.();
    if (changes && changes.length > 0) this.session.invalidate(changes);
    this.session.replayer?.pass(now);
  }
}
