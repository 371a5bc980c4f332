import { type Span, type StyledLine, widthOfLine } from '../terminal/index.ts';

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
