/** A time since 1970. */
export interface Moment {
  readonly seconds: number;
  readonly nanoseconds: number;
}

const BILLION = 1_000_000_000n;
/** Of the time asked for last: neighbours are often of the same second, and bigints cost most of it. */
let lastSeconds = 0;
let lastNs = 0n;

/** The same in nanoseconds; `seconds` is a safe integer. */
export function nanosecondsOf(seconds: number, nanoseconds: number): bigint {
  if (seconds !== lastSeconds) {
    lastSeconds = seconds;
    lastNs = BigInt(seconds) * BILLION;
  }
  return lastNs + BigInt(nanoseconds);
}
