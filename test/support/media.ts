import sharp from 'sharp';

/** A picture of one colour. */
export function picture(
  width: number,
  height: number,
  format: 'png' | 'jpeg' | 'webp' | 'gif' | 'avif' = 'png',
  [r, g, b]: readonly [number, number, number] = [0x39, 0xa0, 0xc8],
): Promise<Buffer> {
  const create = { width, height, channels: 3, background: { r, g, b } } as const;
  return sharp({ create }).toFormat(format).toBuffer();
}

interface Format {
  readonly channels: number;
  readonly bits: number;
  readonly rate: number;
}

/** A WAV file (RIFF, PCM) with these bytes as its samples. */
export function wavOf({ channels, bits, rate }: Format, samples: Buffer): Buffer {
  const header = Buffer.alloc(44);
  const frame = (channels * bits) / 8;
  header.write('RIFF', 0);
  header.writeUInt32LE(36 + samples.length, 4);
  header.write('WAVEfmt ', 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(channels, 22);
  header.writeUInt32LE(rate, 24);
  header.writeUInt32LE(rate * frame, 28);
  header.writeUInt16LE(frame, 32);
  header.writeUInt16LE(bits, 34);
  header.write('data', 36);
  header.writeUInt32LE(samples.length, 40);
  return Buffer.concat([header, samples]);
}
