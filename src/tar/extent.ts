/** A run of bytes: of a file, where it holds data, or of the index. */
export interface Extent {
  readonly start: number;
  readonly length: number;
}

// Searched rather than walked: a file may have many extents, and is read a little at a time.

/**
 * The first extent that ends after `offset`, of extents in order; their number where none does.
 */
export function firstEndingAfter(extents: readonly Extent[], offset: number): number {
  let low = 0;
  let high = extents.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const { start, length } = extents[middle] ?? { start: 0, length: 0 };
    if (start + length > offset) high = middle;
    else low = middle + 1;
  }
  return low;
}

const known = new WeakMap<readonly Extent[], Float64Array>();

/** For each extent, how many bytes those before it hold. */
export function bytesBefore(extents: readonly Extent[]): Float64Array {
  const found = known.get(extents);
  if (found) return found;
  const before = new Float64Array(extents.length);
  let sum = 0;
  extents.forEach(({ length }, index) => {
    before[index] = sum;
    sum += length;
  });
  known.set(extents, before);
  return before;
}
