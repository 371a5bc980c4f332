/**
 * Whether to poll for the next request, or to sleep at once. Waking up costs more than handling a
 * small request where a processor would halt meanwhile; where somebody else has a use for the
 * processor, polling keeps the client waiting for it. Nothing tells the two apart but trying: so
 * both are timed now and then, and what brings requests sooner is done until the next trial.
 * While requests are rare it sleeps at once, and an idle mount takes no CPU time. Times are
 * microseconds.
 */
export class Polling {
  private readonly longest: number;
  private isPolling: boolean;
  /** Waits in a row that were long. */
  private longWaits = 0;
  /** What the waits of this round took so far, and how many they are. */
  private sum = 0;
  private count = 0;
  /** The mean wait, when it was last timed, by sleeping and by polling. */
  private readonly mean = { sleep: 0, poll: 0 };
  /** Rounds until the other way is tried. */
  private untilTrial = 1;
  private isTrial = false;

  /** `longest`: for how long to poll at most; 0: never. */
  constructor(longest: number) {
    this.longest = longest;
    this.isPolling = longest > 0;
  }

  /** How long to poll now. */
  get budget(): number {
    return this.isPolling && this.longWaits < GIVE_UP ? this.longest : 0;
  }

  /** A request came after a wait. */
  waited(time: number): void {
    if (time >= LONG) {
      this.longWaits = Math.min(this.longWaits + 1, GIVE_UP);
      return;
    }
    this.longWaits = 0;
    if (this.longest === 0) return;
    this.sum += time;
    if (++this.count === ROUND) this.endRound();
  }

  private endRound(): void {
    const { mean } = this;
    mean[this.isPolling ? 'poll' : 'sleep'] = this.sum / this.count;
    this.sum = 0;
    this.count = 0;
    if (this.isTrial) {
      this.isTrial = false;
      this.isPolling = mean.poll < mean.sleep;
      this.untilTrial = ROUNDS;
    } else if (--this.untilTrial === 0) {
      this.isTrial = true;
      this.isPolling = !this.isPolling;
    }
  }
}

/** Waits that are timed together. */
const ROUND = 64;
/** One round in so many is a trial. */
const ROUNDS = 16;
/** One gap alone, such as a client that computes, does not end the polling. */
const GIVE_UP = 4;
/** Longer waits are the client's doing, and say nothing. */
const LONG = 500;

/** The longest poll on so many cores: on a single one it would keep the client from running. */
export const longestPoll = (cores: number): number => (cores > 1 ? 50 : 0);
