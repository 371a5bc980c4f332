import type { Span, Style, StyledLine } from '../terminal/index.ts';
import { plainLines, span, splitLines } from './text.ts';

/** How highlight.js's classes look; the rest looks as the text around it. */
const STYLES: Readonly<Record<string, readonly Style[]>> = {
  keyword: ['magenta'],
  literal: ['magenta'],
  'selector-tag': ['magenta'],
  string: ['green'],
  regexp: ['green'],
  addition: ['green'],
  deletion: ['red'],
  number: ['cyan'],
  symbol: ['cyan'],
  comment: ['dim'],
  quote: ['dim'],
  meta: ['yellow'],
  attr: ['blue'],
  attribute: ['blue'],
  title: ['blue'],
  section: ['blue'],
  name: ['blue'],
  tag: ['blue'],
  built_in: ['cyan'],
  type: ['cyan'],
};

/** Files that are known by their whole name. */
const BY_NAME: Readonly<Record<string, string>> = {
  Makefile: 'makefile',
  GNUmakefile: 'makefile',
  '.bashrc': 'bash',
  '.profile': 'bash',
};

/**
 * A text with its syntax in colours, by the ending of its name; as it is, where that is of no
 * known language.
 */
export async function highlightedLines(
  name: string,
  text: string,
  atMost: number,
): Promise<StyledLine[]> {
  const base = name.slice(name.lastIndexOf('/') + 1);
  const language = BY_NAME[base] ?? base.slice(base.lastIndexOf('.') + 1);
  const { default: hljs } = await import('highlight.js/lib/common');
  if (base.lastIndexOf('.') < 0 && !BY_NAME[base]) return plainLines(text, atMost);
  if (!hljs.getLanguage(language)) return plainLines(text, atMost);
  const cut = splitLines(text, atMost).join('\n');
  return linesOf(hljs.highlight(cut, { language, ignoreIllegals: true }).value);
}

/** A tag that opens or closes, an end of a line, or text: highlight.js makes nothing else. */
const PART = /<span class="([^"]*)">|(<\/span>)|(\n)|([^<\n]+)/g;

/** Lines from the markup of highlight.js. */
function linesOf(markup: string): StyledLine[] {
  const lines: Span[][] = [[]];
  const open: (readonly Style[])[] = [];
  for (const [, opened, closed, end, text] of markup.matchAll(PART)) {
    if (opened !== undefined) open.push(styleOf(opened) ?? open.at(-1) ?? []);
    else if (closed !== undefined) open.pop();
    else if (end !== undefined) lines.push([]);
    else lines.at(-1)?.push(span(decode(text ?? ''), ...(open.at(-1) ?? [])));
  }
  return lines;
}

const styleOf = (classes: string): readonly Style[] | undefined =>
  STYLES[classes.split(' ')[0]?.replace(/^hljs-/, '') ?? ''];

const ENTITIES: Readonly<Record<string, string>> = {
  '&amp;': '&',
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&#x27;': "'",
};

const decode = (text: string): string =>
  text.replace(/&(?:amp|lt|gt|quot|#x27);/g, (entity) => ENTITIES[entity] ?? entity);
