/**
 * How long to look for the next request before sleeping. Waking up costs more than all that is
 * done for a small request, so a loop that is asked often looks again for a moment; one that is
 * asked rarely sleeps at once, and an idle mount takes no time at all. Times are microseconds.
 */
export class Polling {
  private readonly longest: number;
  /** Sleeps in a row that a longer look would not have spared. */
  private misses = 0;

  constructor(longest: number) {
    this.longest = longest;
  }

  /** How long to look now. */
  get budget(): number {
    return this.misses < GIVE_UP ? this.longest : 0;
  }

  /** A request came while looking. */
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

/** The longest look on a machine of so many cores: on a single one it would keep the client from running. */
export const longestLook = (cores: number): number => (cores > 1 ? 50 : 0);
