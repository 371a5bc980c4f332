/** Where a key moves to in a list of so many rows; undefined for a key that does not move. */
export function moveBy(key: string, at: number, count: number): number | undefined {
  const last = count - 1;
  const to = new Map([
    ['ArrowDown', at + 1],
    ['ArrowUp', at - 1],
    ['PageDown', at + 15],
    ['PageUp', at - 15],
    ['Home', 0],
    ['End', last],
  ]).get(key);
  return to === undefined || count === 0 ? undefined : Math.max(0, Math.min(last, to));
}
