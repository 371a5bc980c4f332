import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { LayoutEntry } from '../../src/archive/write/layout-entry.ts';
import { LayoutLog } from '../../src/archive/write/layout-log.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const times = { atimeNs: -1n, mtimeNs: 1_764_105_027_123_456_789n, ctimeNs: 0n };
const stat = { mode: 0o100644, uid: 0, gid: 2 ** 32 - 1, nlink: 2, size: 2 ** 50, ...times };

const extras: readonly Partial<LayoutEntry>[] = [
  {},
  { target: Buffer.from([0xff, 0x2f]) },
  { link: { path: Buffer.from('./first'), number: 7 } },
  { extents: [{ start: 2 ** 45, length: 4096 }], xattrs: [[Buffer.from('user.a'), Buffer.of(0)]] },
];

function entryOf(number: number): LayoutEntry {
  const name = Buffer.concat([Buffer.from([0xfe]), Buffer.from(`name-${number}`)]);
  const ids = { ino: BigInt(number), dev: 2n ** 63n };
  const headerLength = number;
  return { kind: 'leaf', name, stat: { ...stat, ...ids }, headerLength, ...extras[number % 4] };
}

test('a layout too large for its memory goes to a nameless file, and comes back', () => {
  const directory = temporaryDirectory();
  using log = new LayoutLog(directory);
  const count = 60_000;
  for (let number = 0; number < count; number++) log.add(entryOf(number));
  log.add({ ...entryOf(count), xattrs: [[Buffer.from('user.big'), Buffer.alloc(2_000_000, 'x')]] });
  expect(readdirSync(directory)).toEqual([]);
  for (const _ of [1, 2]) {
    let number = 0;
    for (const { entry } of log.read()) {
      if (number < count && number % 997 < 4) expect(entry).toEqual(entryOf(number));
      if (number === count) expect(entry.xattrs?.[0]?.[1]).toHaveLength(2_000_000);
      number++;
    }
    expect(number).toBe(count + 1);
  }
});
