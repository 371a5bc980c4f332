import type { RangeLock } from '../file-system.ts';

export type Range = Pick<RangeLock, 'type' | 'start' | 'end'>;

/** What one owner has locked of a file. The kernel keeps the locks; it does not tell whose they are. */
export class HeldRanges {
  private ranges: readonly Range[] = [];

  /** Notes a lock that was had or dropped: it replaces what was held of the same bytes. */
  set({ type, start, end }: Range): void {
    const kept = this.ranges.flatMap((held) => outside(held, start, end));
    this.ranges = type === 'unlock' ? kept : [...kept, { type, start, end }];
  }

  /** What of it another owner's `lock` would have to wait for. */
  inTheWayOf(lock: Range): Range | undefined {
    return this.within(lock).find((held) => held.type === 'write' || lock.type === 'write');
  }

  /** What is held of the bytes of a range, or beyond them. */
  within({ start, end }: Range): readonly Range[] {
    return this.ranges.filter((held) => held.start <= end && start <= held.end);
  }
}

/** What is left of a range without the bytes from `start` to `end`. */
function outside(held: Range, start: bigint, end: bigint): readonly Range[] {
  if (held.end < start || end < held.start) return [held];
  const before = held.start < start ? [{ ...held, end: start - 1n }] : [];
  const after = end < held.end ? [{ ...held, start: end + 1n }] : [];
  return [...before, ...after];
}
