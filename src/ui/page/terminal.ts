import { createAnsiSequenceParser, createColorPalette } from 'ansi-sequence-parser';
import type { Line, Span } from './lines.tsx';

/**
 * What a terminal would show in the end of what was printed: colours (SGR of ECMA-48), carriage
 * returns and backspaces that go back to write over what is there, and the cursor movements and
 * erasures that progress bars are made of. Everything else is left out.
 */

type Look = Pick<Span, 'class' | 'style'>;

interface Cell {
  readonly character: string;
  readonly look: Look;
}

const PLAIN: Look = {};
const palette = createColorPalette();

/** A control sequence (CSI), an operating system command (OSC), another escape, or one character. */
const PART =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: terminals are controlled by them.
  /\x1b\[([\d;:?]*)[ -/]*([@-~])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]|[^\x1b]/gu;

/** The screen, as tall as it has to be. */
class Screen {
  readonly rows: Cell[][] = [[]];
  private row = 0;
  private column = 0;
  private look: Look = PLAIN;
  private readonly parser = createAnsiSequenceParser();

  write(text: string): void {
    for (const [part, parameters, final] of text.matchAll(PART)) {
      if (final !== undefined) this.control(part, final, parameters ?? '');
      else if (part.length <= 2 && part[0] !== '\x1b') this.print(part);
    }
  }

  private print(character: string): void {
    if (character === '\n') this.goTo(this.row + 1, 0);
    else if (character === '\r') this.column = 0;
    else if (character === '\b') this.column = Math.max(0, this.column - 1);
    else if (character === '\t') this.column = (Math.floor(this.column / 8) + 1) * 8;
    else if (character >= ' ') this.put(character);
  }

  private put(character: string): void {
    const row = this.rows[this.row] ?? [];
    while (row.length < this.column) row.push({ character: ' ', look: PLAIN });
    row[this.column] = { character, look: this.look };
    this.column += 1;
  }

  private control(sequence: string, final: string, parameters: string): void {
    const number = Number.parseInt(parameters, 10) || 0;
    const by = Math.max(1, number);
    if (final === 'm') this.look = this.lookOf(sequence);
    else if (final === 'A' || final === 'F')
      this.goTo(Math.max(0, this.row - by), final === 'F' ? 0 : this.column);
    else if (final === 'B' || final === 'E')
      this.goTo(this.row + by, final === 'E' ? 0 : this.column);
    else if (final === 'C') this.column += Math.min(by, MOST_COLUMNS);
    else if (final === 'D') this.column = Math.max(0, this.column - by);
    else if (final === 'G') this.column = Math.min(by, MOST_COLUMNS) - 1;
    else if (final === 'K') this.erase(number);
    else if (final === 'J' && number === 0) this.rows.length = this.row + 1;
  }

  private goTo(row: number, column: number): void {
    this.row = Math.min(row, this.rows.length);
    this.column = column;
    if (this.row === this.rows.length) this.rows.push([]);
  }

  private erase(what: number): void {
    const row = this.rows[this.row] ?? [];
    if (what === 0) row.length = Math.min(row.length, this.column);
    else this.rows[this.row] = [];
  }

  private lookOf(sequence: string): Look {
    const [token] = this.parser.parse(`${sequence}x`);
    if (!token) return PLAIN;
    const { foreground, background, decorations } = token;
    const style = {
      ...(foreground && { color: palette.value(foreground) }),
      ...(background && { 'background-color': palette.value(background) }),
    };
    const names = [...decorations].map((name) => `ansi-${name}`);
    if (Object.keys(style).length === 0 && names.length === 0) return PLAIN;
    return { style, class: names.join(' ') };
  }
}

/** No sequence may make a line longer than this by itself. */
const MOST_COLUMNS = 1_000;

export function terminalLines(text: string): Line[] {
  const screen = new Screen();
  screen.write(text);
  const lines = screen.rows.map(spansOf);
  if (lines.at(-1)?.length === 0) lines.pop();
  return lines;
}

function spansOf(cells: readonly Cell[]): Span[] {
  const spans: { text: string; look: Look }[] = [];
  for (const { character, look } of cells) {
    const last = spans.at(-1);
    if (last?.look === look) last.text += character;
    else spans.push({ text: character, look });
  }
  return spans.map(({ text, look }) => ({ text, ...look }));
}
