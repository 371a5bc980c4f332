import { setImmediate as nextTurn } from 'node:timers/promises';
import { monotonicMs } from '../sys/index.ts';

/** How long work may occupy its thread, in milliseconds: signals and messages wait meanwhile. */
const MAX_RUN_MS = 10;

/** Lets long work give way to the event loop now and then. */
export class CooperativeYield {
  private readonly onYield: () => void;
  private since = monotonicMs();

  /** `onYield` is called each time. */
  constructor(onYield: () => void) {
    this.onYield = onYield;
  }

  /** Gives way if the work has run for long enough. */
  async ifDue(): Promise<void> {
    if (monotonicMs() - this.since < MAX_RUN_MS) return;
    this.onYield();
    await nextTurn();
    this.since = monotonicMs();
  }
}
