import type { Raster } from './raster.ts';

/** More colours than that are more than some terminals have registers for. */
const COLOURS = 256;

/** A picture in DEC's sixels. The cursor ends below it. */
export async function sixelPicture({ rgba, width, height }: Raster): Promise<string> {
  const { image2sixel } = await import('sixel/lib/SixelEncoder.js');
  return `${image2sixel(rgba, width, height, COLOURS, 1)}\n`;
}
