import type { Stretch } from './extent.ts';

/** Finds places in files of many stretches: they are asked for a stretch at a time, again and again. */

/** Which stretch is the first that ends behind `offset`; their number where none does. They are in order. */
export function firstBehind(extents: readonly Stretch[], offset: number): number {
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

const known = new WeakMap<readonly Stretch[], Float64Array>();

/** For each stretch, how many bytes those before it hold. */
export function bytesBefore(extents: readonly Stretch[]): Float64Array {
  const found = known.get(extents);
  if (found) return found;
  const before = new Float64Array(extents.length);
  let sum = 0;
  extents.forEach(({ length }, number) => {
    before[number] = sum;
    sum += length;
  });
  known.set(extents, before);
  return before;
}
