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

/** The largest picture that is decoded, in bytes: it is read as a whole. */
export const MAX_PICTURE_BYTES = 64 * 1024 * 1024;

let loaded: Promise<Sharp> | undefined;

/**
 * A png, jpeg, webp, gif or avif file, to be decoded, turned as its camera says. Throws `failed`
 * where sharp is not installed.
 */
export async function openPicture(picture: Uint8Array): Promise<ReturnType<Sharp>> {
  loaded ??= loadSharp();
  const sharp = await loaded;
  return sharp(picture, { limitInputPixels: MAX_PIXELS, failOn: 'truncated' }).autoOrient();
}

/** A transparent picture of a size in pixels. Throws as `openPicture`. */
export async function emptyPicture(width: number, height: number): Promise<ReturnType<Sharp>> {
  loaded ??= loadSharp();
  const sharp = await loaded;
  const background = { r: 0, g: 0, b: 0, alpha: 0 };
  return sharp({ create: { width, height, channels: 4, background } });
}

/** Runs what decodes a picture. Throws `failed` where it cannot be decoded. */
export async function decoded<T>(decode: () => Promise<T>): Promise<T> {
  try {
    return await decode();
  } catch (cause) {
    throw new TaskfsError('failed', 'the picture cannot be decoded', { cause });
  }
}

/** Whether pictures can be decoded, and thumbnails made. */
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
    throw new TaskfsError('failed', 'pictures need the package sharp, which is not installed', {
      hint:
        "'npm install sharp' beside taskfs installs it, where there is a build for the " +
        'machine.',
      cause,
    });
  }
}
