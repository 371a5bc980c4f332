import { printableText } from '../printable.ts';
import { type Span, type Style, type StyledLine, widthOfLine } from '../terminal/index.ts';

/** A line of a file may be the whole of it: more characters than that, no terminal shows. */
const MAX_LINE = 4_096;
const TAB = '    ';

/** A piece of a file as it may be shown: control characters are made visible. */
export const shown = (text: string): string => printableText(text.replaceAll('\t', TAB));

/** A span of what a file says. */
export const span = (text: string, ...styles: Style[]): Span => ({ text: shown(text), styles });

/** The lines of a text, at most so many. */
export function splitLines(text: string, atMost: number): string[] {
  const lines = text.split(/\r?\n/, atMost + 1);
  if (lines.length <= atMost && lines.at(-1) === '') lines.pop();
  return lines.slice(0, atMost).map((line) => line.slice(0, MAX_LINE));
}

/** Text as it is. */
export const plainLines = (text: string, atMost: number): StyledLine[] =>
  splitLines(text, atMost).map((line) => [span(line)]);

const BYTES_A_LINE = 16;

/** As `hexdump -C` shows bytes: offset, sixteen bytes, and what of them is text. */
export function hexLines(head: Buffer, atMost: number): StyledLine[] {
  const lines: StyledLine[] = [];
  for (let at = 0; at < head.length && lines.length < atMost; at += BYTES_A_LINE) {
    const row = head.subarray(at, at + BYTES_A_LINE);
    const hex = [...row].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const text = row.toString('latin1').replace(/[^\x20-\x7e]/g, '.');
    const offset = at.toString(16).padStart(8, '0');
    lines.push([span(offset, 'dim'), span(`  ${hex.padEnd(BYTES_A_LINE * 3 - 1)}  ${text}`)]);
  }
  return lines;
}

/**
 * Breaks a line between words so that each part takes at most so many columns; a word that is
 * longer has a line of its own. Every line but the first begins with `indent`.
 */
export function wrapLine(line: StyledLine, columns: number, indent: StyledLine = []): StyledLine[] {
  const lines: Span[][] = [[]];
  const margin = widthOfLine(indent);
  let start = 0;
  let used = 0;
  for (const word of wordsOf(line)) {
    const width = widthOfLine([word]);
    if (used > start && used + width > columns) {
      lines.push([...indent]);
      start = margin;
      used = margin;
    }
    // The blank at which a line was broken.
    if (word.text === ' ' && used === start && lines.length > 1) continue;
    lines.at(-1)?.push(word);
    used += width;
  }
  return lines;
}

/** The words of a line and each blank between them, as spans of their own. */
function wordsOf(line: StyledLine): Span[] {
  return line.flatMap(({ text, ...rest }) =>
    (text.match(/ |[^ ]+/g) ?? []).map((word) => ({ ...rest, text: word })),
  );
}

/** A name below a directory. */
export interface TreeEntry {
  /** From 0, right in the directory. */
  readonly depth: number;
  /** As it may be shown. */
  readonly name: string;
  readonly isDirectory: boolean;
}

/**
 * Names below a directory, each after the directory that it is in, as tree(1) draws them. Where
 * they are cut, more come after the last one.
 */
export function directoryLines(entries: readonly TreeEntry[], isCut = false): StyledLine[] {
  const lines: StyledLine[] = [];
  // Whether more comes in the directory of each depth, as it is from the last entry up.
  let more: readonly boolean[] = isCut ? entries.map(() => true) : [];
  for (const { depth, name, isDirectory } of entries.toReversed()) {
    const indent = range(depth).map((at) => (more[at] ? '│   ' : '    '));
    const branch = more[depth] ? '├── ' : '└── ';
    const label = isDirectory ? span(`${shown(name)}/`, 'bold') : span(shown(name));
    lines.push([span(indent.join('') + branch, 'dim'), label]);
    more = range(depth + 1).map((at) => at === depth || (more[at] ?? false));
  }
  return lines.reverse();
}

const range = (length: number): number[] => Array.from({ length }, (_, at) => at);
