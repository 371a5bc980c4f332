import { useEffect, useState } from 'preact/hooks';
import { highlightedLinesOf } from '../../highlighted.ts';
import { type Line, plainLines } from './lines.tsx';

/** Longer texts are shown plain: colours would take longer than a person waits. Characters. */
const MAX_LENGTH = 512 * 1024;

/** The language of a file by its name, where the highlighter knows it by another. */
const LANGUAGES: Readonly<Record<string, string>> = {
  cjs: 'javascript',
  mjs: 'javascript',
  mts: 'typescript',
  cts: 'typescript',
  htm: 'xml',
  svg: 'xml',
  ipynb: 'json',
  jsonl: 'json',
  ndjson: 'json',
  h: 'c',
  hpp: 'cpp',
  cc: 'cpp',
  mk: 'makefile',
};

function languageOf(path: string): string {
  const name = path.slice(path.lastIndexOf('/') + 1).toLowerCase();
  const ending = name.slice(name.lastIndexOf('.') + 1);
  return LANGUAGES[ending] ?? ending;
}

/** The lines of a text: plain at once, in colours as soon as the highlighter is there. */
export function useHighlighted(text: string, path: string): readonly Line[] {
  const [lines, setLines] = useState<{ readonly of: string; readonly lines: readonly Line[] }>();
  useEffect(() => {
    let isCurrent = true;
    if (text.length > MAX_LENGTH) return;
    void highlight(text, languageOf(path)).then((made) => {
      if (isCurrent && made) setLines({ of: text, lines: made });
    });
    return () => {
      isCurrent = false;
    };
  }, [text, path]);
  return lines?.of === text ? lines.lines : plainLines(text);
}

/** Undefined where the language is not known. */
export async function highlight(text: string, language: string): Promise<Line[] | undefined> {
  const { default: hljs } = await import('highlight.js/lib/common');
  if (!hljs.getLanguage(language)) return undefined;
  return linesOf(hljs.highlight(text, { language, ignoreIllegals: true }).value);
}

function linesOf(markup: string): Line[] {
  const lines: Line[] = highlightedLinesOf(markup).map((line) =>
    line.map(({ text, classes }) => ({ text, class: classes.at(-1) })),
  );
  if (lines.at(-1)?.length === 0) lines.pop();
  return lines;
}
