import { styleText } from 'node:util';
import { printableText } from '../printable.ts';

export type Colour = 'green' | 'yellow' | 'red' | 'dim' | 'bold';

/** A piece of text in one colour. */
export interface Span {
  readonly text: string;
  readonly colour: Colour;
}

/** A line of words for a person, without its line end. */
export type Words = string | Span | readonly (string | Span)[];

/** Text in a colour, where words are shown on a terminal that has some. */
export function paint(colour: Colour, text: string): Span {
  return { text, colour };
}

/**
 * A line as it is written to a stream: its own colours where the stream is a terminal and NO_COLOR
 * is not set, and every control character that came with the text made visible.
 */
export function render(words: Words, stream: NodeJS.WriteStream): string {
  if (typeof words === 'string') return printableText(words);
  return spansOf(words)
    .map((span) =>
      typeof span === 'string'
        ? printableText(span)
        : styleText(span.colour, printableText(span.text), { stream }),
    )
    .join('');
}

/** Whether this stream shows colours. */
export function hasColours(stream: NodeJS.WriteStream): boolean {
  return styleText('green', 'x', { stream }) !== 'x';
}

/** How many columns words take. */
export function widthOf(words: Words): number {
  if (typeof words === 'string') return printableText(words).length;
  return spansOf(words).reduce((sum, span) => sum + printableText(textOf(span)).length, 0);
}

/** Rows as aligned columns, two blanks between them; the last column is not padded. */
export function table(rows: readonly (readonly Words[])[]): Words[] {
  const sizes = rows.map((row) => row.map(widthOf));
  const widths: number[] = [];
  for (const row of sizes) {
    for (const [column, size] of row.entries()) {
      widths[column] = Math.max(widths[column] ?? 0, size);
    }
  }
  return rows.map((row, index) => aligned(row, sizes[index] ?? [], widths));
}

/** A row's cells, padded to the widths of their columns; nothing where only empty ones follow. */
function aligned(
  row: readonly Words[],
  sizes: readonly number[],
  widths: readonly number[],
): Words {
  const last = sizes.findLastIndex((size) => size > 0);
  const spans: (string | Span)[] = [];
  let text = '';
  for (let column = 0; column <= last; column++) {
    const cell = row[column] ?? '';
    if (typeof cell === 'string') text += cell;
    else {
      spans.push(text, ...spansOf(cell));
      text = '';
    }
    if (column < last) text += ' '.repeat((widths[column] ?? 0) - (sizes[column] ?? 0) + 2);
  }
  return spans.length === 0 ? text : [...spans, text];
}

/** Words cut to so many columns. */
export function cutTo(words: Words, columns: number): Words {
  let left = columns;
  return spansOf(words).map((span) => {
    const text = printableText(textOf(span)).slice(0, left);
    left -= text.length;
    return typeof span === 'string' ? text : { ...span, text };
  });
}

const textOf = (span: string | Span): string => (typeof span === 'string' ? span : span.text);

function spansOf(words: Words): readonly (string | Span)[] {
  return typeof words === 'string' || 'text' in words ? [words] : words;
}
