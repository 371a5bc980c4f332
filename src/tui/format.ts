const SPANS: readonly (readonly [number, string])[] = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'm'],
];

/**
 * How long ago, for a person: `now`, `12s`, `3h`; times to come count as now. At most 6
 * characters.
 */
export function formatAge(milliseconds: number): string {
  if (milliseconds < 1_000) return 'now';
  for (const [length, letter] of SPANS) {
    if (milliseconds >= length) return `${Math.floor(milliseconds / length)}${letter}`;
  }
  return `${Math.floor(milliseconds / 1000)}s`;
}

/** A size and an age as right-aligned columns. */
export const sizeAndAge = (size: string, age: string): string =>
  `${size.padStart(9)} ${age.padStart(5)} `;

/** Wide enough for `sizeAndAge`. */
export const SIZE_AND_AGE = 16;
