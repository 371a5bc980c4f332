import stringWidth from 'string-width';
import { type Capabilities, type Charset, inCharset } from './capabilities.ts';

/** How a piece of text looks; what a terminal cannot show, it leaves out. */
export type Style =
  | 'bold'
  | 'dim'
  | 'italic'
  | 'underline'
  | 'inverse'
  | 'red'
  | 'green'
  | 'yellow'
  | 'blue'
  | 'magenta'
  | 'cyan';

/** Text in one style. Whoever makes it has made control characters visible. */
export interface Span {
  readonly text: string;
  readonly styles?: readonly Style[];
  /** The colours of half blocks, which no style names: the upper and the lower half. */
  readonly pixels?: readonly [upper: Colour, lower: Colour];
}

/** Red, green and blue, 0 to 255. */
export type Colour = readonly [red: number, green: number, blue: number];

/** One line without its end. */
export type StyledLine = readonly Span[];

/** SGR of ECMA-48: how a style begins, and how it ends without ending the others. */
const SGR: Readonly<Record<Style, readonly [on: number, off: number]>> = {
  bold: [1, 22],
  dim: [2, 22],
  italic: [3, 23],
  underline: [4, 24],
  inverse: [7, 27],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  blue: [34, 39],
  magenta: [35, 39],
  cyan: [36, 39],
};

const FIRST_COLOUR = 30;
const RESET = '\x1b[0m';

/** A line as it is written to a terminal. */
export function paintLine(line: StyledLine, capabilities: Capabilities): string {
  return line.map((span) => paintSpan(span, capabilities)).join('');
}

function paintSpan(
  { text, styles = [], pixels }: Span,
  { charset, palette }: Capabilities,
): string {
  const shown = inCharset(text, charset);
  if (palette === 'plain' || shown === '') return shown;
  const codes = styles
    .map((style) => SGR[style][0])
    .filter((code) => palette !== 'monochrome' || code < FIRST_COLOUR)
    .map(String);
  if (pixels) codes.push(...pixels.map((colour, at) => colourCode(colour, at, palette)));
  return codes.length === 0 ? shown : `\x1b[${codes.join(';')}m${shown}${RESET}`;
}

/** The foreground (38) or background (48) in 24 bits, or as the nearest of xterm's 256 colours. */
function colourCode([r, g, b]: Colour, at: number, palette: Capabilities['palette']): string {
  const ground = at === 0 ? 38 : 48;
  if (palette === 'truecolour') return `${ground};2;${r};${g};${b}`;
  const step = (value: number): number => Math.round((value / 255) * 5);
  return `${ground};5;${16 + 36 * step(r) + 6 * step(g) + step(b)}`;
}

/** A line cut or filled to so many columns; `base` is added to every span, and to the filling. */
export function fitLine(
  line: StyledLine,
  columns: number,
  charset: Charset,
  base: readonly Style[] = [],
): StyledLine {
  const fitted: Span[] = [];
  let left = columns;
  for (const [at, span] of line.entries()) {
    const whole = inCharset(span.text, charset);
    const width = stringWidth(whole);
    const isLast = line.slice(at + 1).every(({ text }) => text === '');
    const fits = width < left || (width === left && isLast);
    // Cut also where only what follows does not fit: the ellipsis says so.
    const text = fits ? whole : fitTo(isLast ? whole : `${whole}  `, left);
    fitted.push({ ...span, text, styles: [...base, ...(span.styles ?? [])] });
    left = fits ? left - width : 0;
    if (left === 0) return fitted;
  }
  return [...fitted, { text: ' '.repeat(left), styles: base }];
}

/** How many columns a line takes. */
export const widthOfLine = (line: StyledLine): number =>
  line.reduce((sum, { text }) => sum + stringWidth(text), 0);

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/**
 * Cuts a text to so many columns of a terminal, an ellipsis for what is cut, and fills it up to
 * them.
 */
export function fitTo(text: string, columns: number, ellipsis = '…'): string {
  const width = stringWidth(text);
  if (width <= columns) return text + ' '.repeat(columns - width);
  if (columns <= ellipsis.length) return ellipsis.slice(0, Math.max(columns, 0));
  const [cut, used] = cutTo(text, columns - ellipsis.length);
  return `${cut}${ellipsis}${' '.repeat(columns - ellipsis.length - used)}`;
}

/** As much of a text as so many columns show, and how many of them that takes. */
function cutTo(text: string, columns: number): [cut: string, used: number] {
  let cut = '';
  let used = 0;
  for (const { segment } of graphemes.segment(text)) {
    const more = stringWidth(segment);
    if (used + more > columns) break;
    cut += segment;
    used += more;
  }
  return [cut, used];
}
