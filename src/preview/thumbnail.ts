import { TaskfsError } from '../errors.ts';

type Sharp = typeof import('sharp')['default'];

/** What may be decoded: pictures as programs make them. libvips knows many more formats. */
const LOADERS = [
  'VipsForeignLoadPng',
  'VipsForeignLoadJpeg',
  'VipsForeignLoadWebp',
  'VipsForeignLoadNsgif',
  'VipsForeignLoadHeif',
];

/** A picture may be small as a file and enormous in memory: this many pixels are decoded. */
const MAX_PIXELS = 100_000_000;

/** The largest file that a thumbnail is made of, in bytes: it is read as a whole. */
export const MAX_PICTURE_BYTES = 64 * 1024 * 1024;

let loaded: Promise<Sharp> | undefined;

/**
 * A smaller picture, in WebP or PNG, of a png, jpeg, webp, gif or avif file: no side longer than
 * `side` pixels, turned as its camera says. Throws `failed` where sharp is not installed, or the
 * picture cannot be decoded.
 */
export async function makeThumbnail(
  picture: Uint8Array,
  side: number,
  format: 'webp' | 'png' = 'webp',
): Promise<Buffer> {
  loaded ??= loadSharp();
  const sharp = await loaded;
  try {
    return await sharp(picture, { limitInputPixels: MAX_PIXELS, failOn: 'truncated' })
      .autoOrient()
      .resize(side, side, { fit: 'inside', withoutEnlargement: true })
      .toFormat(format)
      .toBuffer();
  } catch (cause) {
    throw new TaskfsError('failed', 'the picture cannot be decoded', { cause });
  }
}

/** Whether thumbnails can be made. */
export async function hasThumbnails(): Promise<boolean> {
  loaded ??= loadSharp();
  return loaded.then(
    () => true,
    () => false,
  );
}

async function loadSharp(): Promise<Sharp> {
  try {
    const { default: sharp } = await import('sharp');
    sharp.block({ operation: ['VipsForeignLoad'] });
    sharp.unblock({ operation: LOADERS });
    // Nothing of a picture stays in memory, or is written to a disk.
    sharp.cache(false);
    return sharp;
  } catch (cause) {
    throw new TaskfsError('failed', 'thumbnails need the package sharp, which is not installed', {
      hint: "'npm install sharp' beside taskfs installs it, where there is a build for the machine.",
      cause,
    });
  }
}
