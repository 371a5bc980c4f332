import {
  createAnsiSequenceParser,
  createColorPalette,
  type ParseToken,
} from 'ansi-sequence-parser';
import type { Line, Span } from './lines.tsx';

/**
 * What a terminal would show in the end of what was printed: colours (SGR of ECMA-48), carriage
 * returns and backspaces that go back to write over what is there, and the cursor movements and
 * erasures that progress bars are made of. Everything else is left out.
 */

type Style = Pick<Span, 'class' | 'style'>;

/** A piece of a row. Columns are counted in UTF-16 code units. */
interface Piece {
  readonly text: string;
  readonly style: Style;
}

interface Row {
  readonly pieces: Piece[];
  /** In columns. */
  length: number;
}

/** No sequence may make a row longer than this by itself. */
const MOST_COLUMNS = 1_000;

const ESC = String.raw`\x1b`;
const PARTS = [
  String.raw`[^\x00-\x1f\x7f]+`, // text
  String.raw`${ESC}\[([\d;:?]*)[ -/]*([@-~])`, // a control sequence (CSI)
  String.raw`${ESC}\][^\x07${ESC}]*(?:\x07|${ESC}\\)?`, // an operating system command (OSC)
  `${ESC}[ -/]*[0-~]`, // another escape
  String.raw`[\n\r\b\t]`, // a control
];
const PART = new RegExp(PARTS.join('|'), 'g');

/** Colours that can be read on a light and on a dark page. */
const COLOURS = {
  black: 'light-dark(#24292f, #8b949e)',
  red: 'light-dark(#b3261e, #ff8a80)',
  green: 'light-dark(#116329, #57d27c)',
  yellow: 'light-dark(#7a4d00, #f0c04f)',
  blue: 'light-dark(#0550ae, #8ac4ff)',
  magenta: 'light-dark(#8250df, #c5a3ff)',
  cyan: 'light-dark(#0b5e6b, #65d5e6)',
  white: 'light-dark(#57606a, #d0d7de)',
  brightBlack: 'light-dark(#57606a, #9aa4b0)',
  brightRed: 'light-dark(#a40e26, #ffa198)',
  brightGreen: 'light-dark(#0a5c2b, #7ee787)',
  brightYellow: 'light-dark(#633c01, #f5d67b)',
  brightBlue: 'light-dark(#0b57d0, #a5d6ff)',
  brightMagenta: 'light-dark(#6639ba, #d8b9ff)',
  brightCyan: 'light-dark(#0a5560, #8be9f5)',
  brightWhite: 'light-dark(#24292f, #ffffff)',
};

/** Styles by the sequences that lead to them: a log has few, and changes between them often. */
class Styles {
  private readonly palette = createColorPalette(COLOURS);
  private readonly known = new Map<string, StyleState>();
  readonly plain = this.stateOf('');

  after(state: StyleState, sequence: string): StyleState {
    // Without a number it means 0, which the parser does not know.
    const meant = sequence === '\x1b[m' ? '\x1b[0m' : sequence;
    const next = state.next.get(sequence) ?? this.stateOf(state.sequences + meant);
    state.next.set(sequence, next);
    return next;
  }

  private stateOf(sequences: string): StyleState {
    const style = this.styleOf(createAnsiSequenceParser().parse(`${sequences}x`).at(-1));
    const key = JSON.stringify(style);
    const state = this.known.get(key) ?? { style, sequences, next: new Map() };
    this.known.set(key, state);
    return state;
  }

  private styleOf(token: ParseToken | undefined): Style {
    const { foreground, background, decorations = new Set() } = token ?? {};
    const style = {
      ...(foreground && { color: this.palette.value(foreground) }),
      ...(background && { 'background-color': this.palette.value(background) }),
    };
    const names = [...decorations].map((name) => `ansi-${name}`);
    if (Object.keys(style).length === 0 && names.length === 0) return {};
    return { style, class: names.join(' ') };
  }
}

interface StyleState {
  readonly style: Style;
  /** What leads from a plain style to this one. */
  readonly sequences: string;
  readonly next: Map<string, StyleState>;
}

/** The screen, as tall as it has to be. */
class Screen {
  readonly rows: Row[] = [{ pieces: [], length: 0 }];
  private row = 0;
  private column = 0;
  private readonly styles = new Styles();
  private state = this.styles.plain;

  write(text: string): void {
    for (const [part, parameters = '', final] of text.matchAll(PART)) {
      if (final === 'm') this.state = this.styles.after(this.state, part);
      else if (final !== undefined) this.obey(final, parameters);
      else if (part === '\n') this.goTo(this.row + 1, 0);
      else if (part === '\r') this.column = 0;
      else if (part === '\b') this.column = Math.max(0, this.column - 1);
      else if (part === '\t') this.column = (Math.floor(this.column / 8) + 1) * 8;
      else if (part[0] !== '\x1b') this.put(part);
    }
  }

  private put(text: string): void {
    const row = this.rows[this.row];
    if (!row) return;
    const end = this.column + text.length;
    if (this.column > row.length)
      append(row, ' '.repeat(this.column - row.length), this.styles.plain.style);
    const rest = slice(row, end, row.length);
    if (this.column < row.length) truncate(row, this.column);
    append(row, text, this.state.style);
    for (const piece of rest) append(row, piece.text, piece.style);
    this.column = end;
  }

  private obey(final: string, parameters: string): void {
    const number = Number.parseInt(parameters, 10) || 0;
    const by = Math.min(Math.max(1, number), MOST_COLUMNS);
    const { row, column } = this;
    const effects: Readonly<Record<string, () => void>> = {
      A: () => this.goTo(row - by, column),
      B: () => this.goTo(row + by, column),
      E: () => this.goTo(row + by, 0),
      F: () => this.goTo(row - by, 0),
      C: () => (this.column = Math.min(column + by, MOST_COLUMNS)),
      D: () => (this.column = Math.max(0, column - by)),
      G: () => (this.column = by - 1),
      K: () => this.erase(number),
      J: () => number === 0 && this.rows.splice(row + 1),
    };
    if (Object.hasOwn(effects, final)) effects[final]?.();
  }

  private goTo(row: number, column: number): void {
    this.row = Math.max(0, row);
    this.column = column;
    while (this.rows.length <= this.row) this.rows.push({ pieces: [], length: 0 });
  }

  private erase(what: number): void {
    const row = this.rows[this.row];
    if (row) truncate(row, what === 0 ? this.column : 0);
  }
}

function append(row: Row, text: string, style: Style): void {
  const last = row.pieces.at(-1);
  if (last?.style === style) row.pieces[row.pieces.length - 1] = { text: last.text + text, style };
  else row.pieces.push({ text, style });
  row.length += text.length;
}

function truncate(row: Row, length: number): void {
  if (length >= row.length) return;
  row.pieces.splice(0, Number.POSITIVE_INFINITY, ...slice(row, 0, length));
  row.length = length;
}

/** What stands in a row from one column to before another. */
function slice(row: Row, from: number, to: number): Piece[] {
  if (from >= to) return [];
  const pieces: Piece[] = [];
  let at = 0;
  for (const { text, style } of row.pieces) {
    const cut = text.slice(Math.max(0, from - at), Math.max(0, to - at));
    if (cut !== '') pieces.push({ text: cut, style });
    at += text.length;
  }
  return pieces;
}

export function terminalLines(text: string): Line[] {
  const screen = new Screen();
  screen.write(text);
  const lines = screen.rows.map(({ pieces }) =>
    pieces.map(({ text: shown, style }) => ({ text: shown, ...style })),
  );
  if (lines.at(-1)?.length === 0) lines.pop();
  return lines;
}
