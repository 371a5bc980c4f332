import type { Colour, Span, StyledLine } from './styled.ts';

/**
 * Pictures in what terminals take of them: kitty's, iTerm2's and DEC's sequences, or characters.
 */

/** A picture as its pixels, row by row, four bytes each: red, green, blue, alpha. */
export interface Raster {
  readonly width: number;
  readonly height: number;
  readonly rgba: Uint8Array;
}

/** The protocol lets no more base64 than that into one sequence. */
const CHUNK = 4096;

/**
 * A PNG for kitty's graphics protocol (https://sw.kovidgoyal.net/kitty/graphics-protocol/):
 * transmitted and shown at the cursor (a=T), without an answer (q=2). The cursor ends below it.
 */
export function kittyPicture(png: Uint8Array): string {
  const data = Buffer.from(png).toString('base64');
  let sequence = '';
  for (let at = 0; at < data.length; at += CHUNK) {
    const more = at + CHUNK < data.length ? 1 : 0;
    const keys = at === 0 ? `a=T,f=100,q=2,m=${more}` : `m=${more}`;
    sequence += `\x1b_G${keys};${data.slice(at, at + CHUNK)}\x1b\\`;
  }
  return `${sequence}\n`;
}

/**
 * A PNG as an inline image of iTerm2 (https://iterm2.com/documentation-images.html), in its own
 * size. The cursor ends below it.
 */
export function itermPicture(png: Uint8Array): string {
  const data = Buffer.from(png).toString('base64');
  return `\x1b]1337;File=inline=1;size=${png.length}:${data}\x07\n`;
}

/** More colours than that are more than some terminals have registers for. */
const COLOURS = 256;

/**
 * A picture in DEC's sixels; what is rather transparent is left as it is. The cursor ends below.
 */
export async function sixelPicture({ rgba, width, height }: Raster): Promise<string> {
  const { FINALIZER, introducer, sixelEncode } = await import('sixel/lib/SixelEncoder.js');
  const { reduce } = await import('sixel/lib/Quantizer.js');
  // In memory of its own: the library takes all of a buffer's, and slices one without a copy.
  const { indices, palette } = reduce(new Uint8Array(rgba), width, COLOURS);
  const opaque = palette.map((colour) => (colour | OPAQUE) >>> 0);
  const pixels = Uint32Array.from(indices, (index, at) =>
    (rgba[at * 4 + 3] ?? 0) < HALF_TRANSPARENT ? 0 : (opaque[index] ?? 0),
  );
  const data = new Uint8Array(pixels.buffer);
  return `${introducer(1)}${sixelEncode(data, width, height, opaque)}${FINALIZER}\n`;
}

/** Of a colour as a number, whose highest byte is its alpha. */
const OPAQUE = 0xff000000;
const HALF_TRANSPARENT = 128;

/** A picture as characters, each two pixels high: its upper half in the foreground's colour. */
export function halfBlocks(raster: Raster): StyledLine[] {
  const lines: StyledLine[] = [];
  for (let y = 0; y < raster.height; y += 2) {
    const line: Span[] = [];
    for (let x = 0; x < raster.width; x++) {
      line.push({ text: '▀', pixels: [colourAt(raster, x, y), colourAt(raster, x, y + 1)] });
    }
    lines.push(line);
  }
  return lines;
}

/** Over black, as what lies under the last row. */
function colourAt({ width, height, rgba }: Raster, x: number, y: number): Colour {
  if (y >= height) return [0, 0, 0];
  const at = (y * width + x) * 4;
  const alpha = (rgba[at + 3] ?? 0) / 255;
  const channel = (offset: number): number => Math.round((rgba[at + offset] ?? 0) * alpha);
  return [channel(0), channel(1), channel(2)];
}
