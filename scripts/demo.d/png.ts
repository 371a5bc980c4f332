import { crc32, deflateSync } from 'node:zlib';

const BAR = 24;
const GAP = 8;
const HEIGHT = 200;
const INK = [0x2e, 0x8b, 0x57];
const PAPER = [0xff, 0xff, 0xff];

/** A bar chart as a PNG file (RFC 2083: signature, IHDR, IDAT, IEND; 8-bit RGB, no filter). */
export function barChart(values: readonly number[]): Buffer {
  const width = GAP + values.length * (BAR + GAP);
  const highest = Math.max(...values, 1);
  const rows = Array.from({ length: HEIGHT }, (_, y) => {
    const level = ((HEIGHT - y) / HEIGHT) * highest;
    return [0, ...Array.from({ length: width }, (_, x) => colour(values, x, level)).flat()];
  });
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(HEIGHT, 4);
  header.set([8, 2], 8);
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  const pixels = deflateSync(Buffer.from(rows.flat()));
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('IDAT', pixels),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function colour(values: readonly number[], x: number, level: number): number[] {
  const bar = Math.floor((x - GAP) / (BAR + GAP));
  const inBar = x >= GAP && (x - GAP) % (BAR + GAP) < BAR;
  return inBar && (values[bar] ?? 0) >= level ? INK : PAPER;
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const frame = Buffer.alloc(8);
  frame.writeUInt32BE(data.length, 0);
  frame.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)]);
}
