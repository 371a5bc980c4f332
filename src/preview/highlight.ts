import { highlightedLinesOf } from '../highlighted.ts';
import type { Style, StyledLine } from '../terminal/index.ts';
import { plainLines, span, splitLines } from './styled-lines.ts';

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

/** Lines from the markup of highlight.js; a class without a style looks as what is around it. */
const linesOf = (markup: string): StyledLine[] =>
  highlightedLinesOf(markup).map((line) =>
    line.map(({ text, classes }) => {
      const styles = classes.map(styleOf).findLast((style) => style !== undefined);
      return span(text, ...(styles ?? []));
    }),
  );

const styleOf = (classes: string): readonly Style[] | undefined =>
  STYLES[classes.split(' ')[0]?.replace(/^hljs-/, '') ?? ''];
