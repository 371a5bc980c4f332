import sharp from 'sharp';

/** A picture of one colour. */
export function picture(
  width: number,
  height: number,
  format: 'png' | 'jpeg' | 'webp' | 'gif' | 'avif' = 'png',
): Promise<Buffer> {
  const create = { width, height, channels: 3, background: '#39a0c8' } as const;
  return sharp({ create }).toFormat(format).toBuffer();
}
