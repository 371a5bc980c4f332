import { readFileSync, writeFileSync } from 'node:fs';

/**
 * Changes real bytes as fuzzers do that know nothing of coverage: bits, bytes of note, stretches
 * that are doubled, dropped, moved or taken from elsewhere, numbers made large. The same seed gives
 * the same bytes.
 */
export function mutate(original: Buffer, random: () => number): Buffer {
  let bytes = Buffer.from(original);
  const times = 1 + below(random, 4);
  for (let count = 0; count < times; count++) bytes = change(bytes, random);
  return bytes;
}

type Random = () => number;

/** A whole number from 0 to less than a limit. */
export const below = (random: Random, limit: number): number => Math.floor(random() * limit);

/** mulberry32: small, and good enough to choose what to break. */
export function randomOf(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const NOTABLE = [0, 1, 0x0a, 0x20, 0x2d, 0x2f, 0x30, 0x37, 0x39, 0x3d, 0x7b, 0x7f, 0x80, 0xff];
const TEXTS = [
  '0',
  '-1',
  '9'.repeat(16),
  '9'.repeat(400),
  '1e9',
  'null',
  '..',
  '/',
  '%3D',
  '\n',
  '{}',
  '[]',
];

function change(bytes: Buffer<ArrayBuffer>, random: Random): Buffer<ArrayBuffer> {
  const at = below(random, bytes.length + 1);
  const end = Math.min(bytes.length, at + below(random, 600));
  const [before, middle, after] = [
    bytes.subarray(0, at),
    bytes.subarray(at, end),
    bytes.subarray(end),
  ];
  switch (below(random, 9)) {
    case 0:
      return before;
    case 1:
      return Buffer.concat([before, after]);
    case 2:
      return Buffer.concat([before, middle, middle, after]);
    case 3:
      return Buffer.concat([before, Buffer.from(pick(TEXTS, random)), bytes.subarray(at)]);
    case 4:
      return replaceNumber(bytes, random);
    case 5: {
      const from = below(random, bytes.length + 1);
      return Buffer.concat([before, bytes.subarray(from, from + middle.length), after]);
    }
    case 6:
      return Buffer.concat([after, middle, before]);
    default: {
      if (at < bytes.length) {
        const bit = 1 << below(random, 8);
        bytes[at] = random() < 0.5 ? (bytes[at] ?? 0) ^ bit : pick(NOTABLE, random);
      }
      return bytes;
    }
  }
}

const pick = <T>(all: readonly T[], random: Random): T => all[below(random, all.length)] as T;

/** Some run of digits gets another value, of the same length or not. */
function replaceNumber(bytes: Buffer<ArrayBuffer>, random: Random): Buffer<ArrayBuffer> {
  const text = bytes.toString('latin1');
  const from = below(random, text.length + 1);
  const found = /\d+/.exec(text.slice(from));
  if (!found) return bytes;
  const at = from + found.index;
  const digits = found[0];
  const fresh = pick(
    [
      '0',
      '7'.repeat(digits.length),
      '9'.repeat(digits.length),
      `${digits}9`,
      digits.slice(1),
      `-${digits}`,
    ],
    random,
  );
  const end = at + digits.length;
  return Buffer.concat([bytes.subarray(0, at), Buffer.from(fresh), bytes.subarray(end)]);
}

/** Changes one bit of a file; a negative place counts from its end. */
export function flip(path: string, at: number): void {
  const bytes = readFileSync(path);
  const index = at < 0 ? bytes.length + at : at;
  bytes.writeUInt8((bytes[index] ?? 0) ^ 0x01, index);
  writeFileSync(path, bytes);
}
