import { makeRaster, makeThumbnail } from '../preview/index.ts';
import { characterSize } from '../sys/index.ts';
import {
  askTerminal,
  type Capabilities,
  capabilitiesOf,
  type Graphics,
  halfBlocks,
  itermPicture,
  kittyPicture,
  paintLine,
  sixelPicture,
} from '../terminal/index.ts';

/** Where pictures can be shown, and how. */
export interface Canvas {
  /** Undefined: in half blocks, a pixel wide and two high. */
  readonly graphics: Graphics | undefined;
  readonly capabilities: Capabilities;
  /** A character in pixels. */
  readonly cell: { readonly width: number; readonly height: number };
  /** The terminal in characters. */
  readonly columns: number;
  readonly rows: number;
}

const HALF_BLOCK = { width: 1, height: 2 };
/** Of terminals that show pictures and do not say how large a character is. */
const USUAL_CELL = { width: 8, height: 16 };

/**
 * Asks the terminal what pictures it can show; undefined where it shows none: no terminal, or one
 * without enough colours or characters.
 */
export async function findCanvas(environment: NodeJS.ProcessEnv): Promise<Canvas | undefined> {
  const { stdin, stdout } = process;
  if (!stdout.isTTY) return undefined;
  const capabilities = capabilitiesOf(stdout, environment);
  const size = { capabilities, columns: stdout.columns || 80, rows: stdout.rows || 24 };
  const answers = stdin.isTTY ? await askTerminal(stdin, stdout) : undefined;
  if (answers?.graphics) {
    const cell = answers.cell ?? characterSize(stdout.fd) ?? USUAL_CELL;
    return { ...size, graphics: answers.graphics, cell };
  }
  const hasColours = capabilities.palette === 'truecolour' || capabilities.palette === '256';
  if (!hasColours || capabilities.charset === 'ascii') return undefined;
  return { ...size, graphics: undefined, cell: HALF_BLOCK };
}

/** What shows a picture on a canvas, no larger than so many characters; the cursor ends below. */
export async function drawPicture(
  picture: Uint8Array,
  { graphics, capabilities, cell }: Canvas,
  columns: number,
  rows: number,
): Promise<string> {
  const [width, height] = [columns * cell.width, rows * cell.height];
  if (graphics === 'kitty') {
    return kittyPicture(await makeThumbnail(picture, { width, height }, 'png'));
  }
  if (graphics === 'iterm') {
    return itermPicture(await makeThumbnail(picture, { width, height }, 'png'));
  }
  const raster = await makeRaster(picture, width, height);
  if (graphics === 'sixel') return sixelPicture(raster);
  return halfBlocks(raster)
    .map((line) => `${paintLine(line, capabilities)}\n`)
    .join('');
}
