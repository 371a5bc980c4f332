import { setImmediate as breathe } from 'node:timers/promises';

/** How long work may keep a thread to itself, in milliseconds: signals and messages wait meanwhile. */
const LONGEST = 10;

/** Makes long work stop for breath now and then. */
export class Pace {
  private readonly onBreath: () => void;
  private since = performance.now();

  /** `onBreath` is called at each stop. */
  constructor(onBreath: () => void) {
    this.onBreath = onBreath;
  }

  async keep(): Promise<void> {
    if (performance.now() - this.since < LONGEST) return;
    this.onBreath();
    await breathe();
    this.since = performance.now();
  }
}
