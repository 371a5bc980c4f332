import type { Raster } from '../terminal/index.ts';
import { decoded, emptyPicture, openPicture } from './sharp.ts';

/**
 * A smaller picture, in WebP or PNG, of a png, jpeg, webp, gif or avif file: no side longer than
 * `side` pixels, turned as its camera says. Throws `failed` where sharp is not installed, or the
 * picture cannot be decoded.
 */
export async function makeThumbnail(
  picture: Uint8Array,
  side: number | { readonly width: number; readonly height: number },
  format: 'webp' | 'png' = 'webp',
): Promise<Buffer> {
  const opened = await openPicture(picture);
  const { width, height } = typeof side === 'number' ? { width: side, height: side } : side;
  return decoded(() =>
    opened
      .resize(width, height, { fit: 'inside', withoutEnlargement: true })
      .toFormat(format)
      .toBuffer(),
  );
}

/** The pixels of a picture that is made to fit into so many of them. Throws as `makeThumbnail`. */
export async function makeRaster(
  picture: Uint8Array,
  width: number,
  height: number,
): Promise<Raster> {
  const opened = await openPicture(picture);
  const { data, info } = await decoded(() =>
    opened
      .resize(width, height, { fit: 'inside', withoutEnlargement: true })
      .toColourspace('srgb')
      .ensureAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true }),
  );
  return { width: info.width, height: info.height, rgba: data };
}

/** What a picture says of itself. */
export interface PictureFacts {
  readonly width: number;
  readonly height: number;
  /** Of an animation. */
  readonly frames?: number;
}

/** The size of a picture as it is shown, in pixels. Throws as `makeThumbnail`. */
export async function readPictureFacts(picture: Uint8Array): Promise<PictureFacts> {
  const opened = await openPicture(picture);
  const { autoOrient, pages } = await decoded(() => opened.metadata());
  return { ...autoOrient, ...(pages !== undefined && pages > 1 ? { frames: pages } : {}) };
}

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
