/**
 * How long to poll for the next request before sleeping. Waking up costs more than handling a
 * small request, so the loop polls briefly while requests come often; while they are rare it
 * sleeps at once, and an idle mount takes no CPU time. Times are microseconds.
 */
export class Polling {
  private readonly longest: number;
  /** Sleeps in a row that polling longer would not have avoided. */
  private misses = 0;

  constructor(longest: number) {
    this.longest = longest;
  }

  /** How long to poll now. */
  get budget(): number {
    return this.misses < GIVE_UP ? this.longest : 0;
  }

  /** A request came while polling. */
  hit(): void {
    this.misses = 0;
  }

  /** A sleep lasted `slept`: a short one says that requests come often. */
  woke(slept: number): void {
    if (slept < OFTEN) this.misses = 0;
    else this.misses = Math.min(this.misses + 1, GIVE_UP);
  }
}

/** One gap alone, such as a client that computes, does not end the polling. */
const GIVE_UP = 4;
/** A sleep includes the wake-up itself, which takes up to some 100 µs. */
const OFTEN = 150;

/** The longest poll on so many cores: on a single one it would keep the client from running. */
export const longestPoll = (cores: number): number => (cores > 1 ? 50 : 0);
