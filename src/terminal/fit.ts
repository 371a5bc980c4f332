import stringWidth from 'string-width';

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
