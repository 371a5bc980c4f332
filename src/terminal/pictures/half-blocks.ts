import type { Colour, Span, StyledLine } from '../styled.ts';
import type { Raster } from './raster.ts';

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
