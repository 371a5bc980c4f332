import { setImmediate as nextTurn } from 'node:timers/promises';

/** How long work may keep a thread to itself, in milliseconds: signals and messages wait meanwhile. */
const MAX_RUN_MS = 10;

/** Makes long work stop for breath now and then. */
export class CooperativeYield {
  private readonly onYield: () => void;
  private since = performance.now();

  /** `onYield` is called at each stop. */
  constructor(onYield: () => void) {
    this.onYield = onYield;
  }

  async ifDue(): Promise<void> {
    if (performance.now() - this.since < MAX_RUN_MS) return;
    this.onYield();
    await nextTurn();
    this.since = performance.now();
  }
}
