import { decoded, emptyPicture } from './sharp.ts';

/** A size in pixels. */
interface Size {
  readonly width: number;
  readonly height: number;
}

/**
 * Thumbnails (PNG, none larger than a tile) side by side in one PNG, each at the left and upper
 * end of its tile. Throws `failed` where sharp is not installed.
 */
export async function makeStrip(
  thumbnails: readonly Buffer[],
  tile: Size,
  gap: number,
): Promise<Buffer> {
  const width = thumbnails.length * (tile.width + gap) - gap;
  const strip = await emptyPicture(width, tile.height);
  const layers = thumbnails.map((input, at) => ({ input, left: at * (tile.width + gap), top: 0 }));
  return decoded(() => strip.composite(layers).png().toBuffer());
}
