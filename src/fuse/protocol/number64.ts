/**
 * 64-bit fields as numbers. Node ids, handles, sizes and offsets stay far below 2^53 here, and two
 * 32-bit reads are several times cheaper than a bigint for each.
 */

const WORD = 2 ** 32;

export function readU64(view: DataView, at: number): number {
  return view.getUint32(at + 4, true) * WORD + view.getUint32(at, true);
}

export function writeU64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value % WORD, true);
  view.setUint32(at + 4, Math.floor(value / WORD), true);
}
