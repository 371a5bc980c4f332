import { printableText } from '../printable.ts';
import type { Span, Style, StyledLine } from '../terminal/index.ts';

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
