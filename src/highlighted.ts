/** A piece of highlighted text, and the classes of highlight.js around it, the outermost first. */
export interface HighlightedPiece {
  readonly text: string;
  readonly classes: readonly string[];
}

/** A tag that opens or closes, an end of a line, or text: highlight.js makes nothing else. */
const PART = /<span class="([^"]*)">|(<\/span>)|(\n)|([^<\n]+)/g;

/** Takes apart the markup that highlight.js makes, line by line. */
export function highlightedLinesOf(markup: string): HighlightedPiece[][] {
  const lines: HighlightedPiece[][] = [[]];
  let classes: readonly string[] = [];
  for (const [, open, close, end, text] of markup.matchAll(PART)) {
    if (open !== undefined) classes = [...classes, open];
    else if (close !== undefined) classes = classes.slice(0, -1);
    else if (end !== undefined) lines.push([]);
    else lines.at(-1)?.push({ text: decode(text ?? ''), classes });
  }
  return lines;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&amp;': '&',
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&#x27;': "'",
};

const decode = (text: string): string =>
  text.replace(/&(?:amp|lt|gt|quot|#x27);/g, (entity) => ENTITIES[entity] ?? entity);
