/** A time since 1970, as struct timespec. */
export interface Timespec {
  readonly seconds: number;
  readonly nanoseconds: number;
}

const BILLION = 1_000_000_000n;
const MILLION = 1_000_000n;
/** The last time converted: neighbours often share the second, and bigints cost the most. */
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

/** The last millisecond that a Date can hold; a file may claim a later one. */
const LAST_MS = 8_640_000_000_000_000n;

/**
 * Nanoseconds since 1970 as ISO 8601 in UTC, in whole milliseconds and within what a Date can hold.
 */
export function isoTime(ns: bigint): string {
  const whole = (ns - (((ns % MILLION) + MILLION) % MILLION)) / MILLION;
  const within = whole > LAST_MS ? LAST_MS : whole < -LAST_MS ? -LAST_MS : whole;
  return new Date(Number(within)).toISOString();
}

/** The time now, as records and events have it: ISO 8601 in UTC. */
export const isoNow = (): string => new Date().toISOString();

/** Milliseconds of a clock that nobody sets. `performance.now()` has Node load eight modules. */
export const monotonicMs = (): number => process.uptime() * 1000;
