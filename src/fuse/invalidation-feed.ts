import { performance } from 'node:perf_hooks';
import type { Session } from './session.ts';

/** How often (milliseconds) changes are looked for at most: a file that is written thousands of
 * times a second must not take the time of those who ask. */
const REST_MS = 1;

/** Passes what the file system says is old on to the kernel. */
export class ChangeFeed {
  private readonly session: Session;
  private passedAt = Number.NEGATIVE_INFINITY;

  constructor(session: Session) {
    this.session = session;
  }

  /** How long (milliseconds) not to look for changes yet. */
  get restMs(): number {
    return Math.max(0, this.passedAt + REST_MS - performance.now());
  }

  /** Passes on what there is, unless that was done a moment ago. */
  pass(): void {
    const now = performance.now();
    if (now < this.passedAt + REST_MS) return;
    this.passedAt = now;
    const changes = this.session.fileSystem.takeChanges?.();
    if (changes && changes.length > 0) this.session.changed(changes);
  }
}
