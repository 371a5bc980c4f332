import type { Token, Tokens } from 'marked';
import type { Span, Style, StyledLine } from '../terminal/index.ts';
import { highlightedLines } from './highlight.ts';
import { span, wrapLine } from './styled-lines.ts';
import { tableLines } from './table.ts';

/** Markdown laid out for so many columns; HTML in it is shown as what it is, text. */
export async function markdownLines(text: string, columns: number): Promise<StyledLine[]> {
  const { lexer } = await import('marked');
  return blocks(lexer(text), columns);
}

async function blocks(
  tokens: readonly Token[],
  columns: number,
  isLoose = true,
): Promise<StyledLine[]> {
  const lines: StyledLine[] = [];
  for (const token of tokens) {
    if (token.type === 'space' || token.type === 'def') continue;
    const made = await block(token, columns);
    if (isLoose && lines.length > 0 && made.length > 0) lines.push([]);
    lines.push(...made);
  }
  return lines;
}

async function block(token: Token, columns: number): Promise<StyledLine[]> {
  switch (token.type) {
    case 'heading':
      return heading(token as Tokens.Heading, columns);
    case 'code':
      return code(token as Tokens.Code);
    case 'blockquote':
      return indented(await blocks(token.tokens ?? [], columns - 2), [span('│ ', 'dim')]);
    case 'list':
      return list(token as Tokens.List, columns);
    case 'table':
      return table(token as Tokens.Table);
    case 'hr':
      return [[span('─'.repeat(columns), 'dim')]];
    default:
      return 'tokens' in token && token.tokens
        ? paragraph(inline(token.tokens), columns)
        : textBlock(token, columns);
  }
}

function heading({ depth, tokens }: Tokens.Heading, columns: number): StyledLine[] {
  const styles: Style[] = depth === 1 ? ['bold', 'underline'] : ['bold'];
  return wrapLine(inline(tokens, styles), columns);
}

async function code({ lang, text }: Tokens.Code): Promise<StyledLine[]> {
  const lines = await highlightedLines(`code.${lang ?? 'txt'}`, text, text.length + 1);
  return indented(lines, [span('    ')]);
}

const indented = (lines: readonly StyledLine[], margin: StyledLine): StyledLine[] =>
  lines.map((line) => [...margin, ...line]);

async function list({ items, ordered, start, loose }: Tokens.List, columns: number) {
  const lines: StyledLine[] = [];
  for (const [at, item] of items.entries()) {
    const mark = ordered ? `${Number(start || 1) + at}. ` : '• ';
    const box = item.task ? (item.checked ? '[x] ' : '[ ] ') : '';
    const tokens = item.tokens.filter(({ type }) => type !== 'checkbox');
    const inner = await blocks(tokens, columns - mark.length, loose);
    const [first = [], ...rest] = inner;
    lines.push([span(mark + box), ...first]);
    lines.push(...indented(rest, [span(' '.repeat(mark.length))]));
  }
  return lines;
}

function table({ header, rows }: Tokens.Table): StyledLine[] {
  const text = ({ tokens }: Tokens.TableCell): string =>
    inline(tokens)
      .map((each) => each.text)
      .join('');
  return tableLines([header.map(text), ...rows.map((row) => row.map(text))]);
}

const textBlock = (token: Token, columns: number): StyledLine[] =>
  paragraph(
    [span(token.raw.trimEnd(), ...(token.type === 'html' ? (['dim'] as const) : []))],
    columns,
  );

/** Line ends within a paragraph are blanks, but for those that are marked as breaks. */
function paragraph(spans: readonly Span[], columns: number): StyledLine[] {
  const lines: Span[][] = [[]];
  for (const each of spans) {
    if (each === BREAK) lines.push([]);
    else lines.at(-1)?.push(each);
  }
  return lines.flatMap((line) => wrapLine(line, columns));
}

const BREAK: Span = { text: '' };

const EMPHASIS: Readonly<Record<string, readonly Style[]>> = {
  strong: ['bold'],
  em: ['italic'],
  del: ['dim'],
  codespan: ['cyan'],
  html: ['dim'],
};

function inline(tokens: readonly Token[] | undefined, styles: readonly Style[] = []): Span[] {
  return (tokens ?? []).flatMap((token) => inlineSpans(token, styles));
}

function inlineSpans(token: Token, styles: readonly Style[]): Span[] {
  const own = [...styles, ...(EMPHASIS[token.type] ?? [])];
  if (token.type === 'br') return [BREAK];
  if (token.type === 'link') return link(token as Tokens.Link, own);
  if (token.type === 'image') return [span(`[picture: ${token.text}]`, ...own, 'dim')];
  if ('tokens' in token && token.tokens) return inline(token.tokens, own);
  const text: string = 'text' in token ? token.text : token.raw;
  return [span(text.replace(/\n/g, ' '), ...own)];
}

/** A link says where it leads, unless its text does. */
function link({ href, text, tokens }: Tokens.Link, styles: readonly Style[]): Span[] {
  const words = inline(tokens, [...styles, 'underline']);
  return href === text || href === `mailto:${text}` ? words : [...words, span(` (${href})`, 'dim')];
}
