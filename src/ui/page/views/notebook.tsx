import { useEffect, useMemo, useState } from 'preact/hooks';
import type { ViewProps } from '../content.ts';
import { useText, WHOLE } from '../content.ts';
import { highlight } from '../highlight.ts';
import { type Line, plainLines } from '../lines.tsx';
import type { Origin } from '../sanitize.ts';
import { terminalLines } from '../terminal.ts';
import { Html, Markdown } from './markdown.tsx';
import { TextView } from './text.tsx';

/** Text of a notebook: whole, or its lines. */
type Text = string | readonly string[];

/** As much of nbformat 4 as is shown. Whoever wrote the file may have left out anything. */
interface Notebook {
  readonly cells?: readonly Cell[];
  readonly metadata?: { readonly kernelspec?: { readonly language?: string } };
}

interface Cell {
  readonly cell_type?: string;
  readonly source?: Text;
  readonly execution_count?: number | null;
  readonly outputs?: readonly Output[];
}

interface Output {
  readonly text?: Text;
  readonly data?: Readonly<Record<string, Text>>;
  readonly traceback?: readonly string[];
}

/** A Jupyter notebook with the outputs that it was saved with; nothing of it is run. */
export function NotebookView({ task, facts }: ViewProps) {
  const { text, problem } = useText(task, facts, WHOLE);
  const notebook = useMemo(() => parse(text), [text]);
  if (text === undefined) return <p class="faint">{problem ?? 'reading…'}</p>;
  if (!Array.isArray(notebook?.cells)) return <TextView task={task} facts={facts} />;
  const language = String(notebook.metadata?.kernelspec?.language ?? 'python');
  const origin = { task, file: facts.ref };
  return (
    <div class="fill scroller notebook" tabIndex={0} role="region" aria-label={facts.path}>
      {notebook.cells.map((cell: Cell, index: number) => (
        <CellView key={index} {...{ cell, language, origin }} />
      ))}
    </div>
  );
}

function parse(text: string | undefined): Notebook | undefined {
  try {
    return JSON.parse(text ?? '');
  } catch {
    return undefined;
  }
}

const joined = (text: Text | undefined): string =>
  Array.isArray(text) ? text.join('') : String(text ?? '');

interface CellProps {
  readonly cell: Cell;
  readonly language: string;
  readonly origin: Origin;
}

function CellView({ cell, language, origin }: CellProps) {
  const source = joined(cell.source);
  if (cell.cell_type === 'markdown') return <Markdown text={source} origin={origin} />;
  return (
    <section class="cell">
      <span class="faint">[{cell.execution_count ?? ' '}]</span>
      <Code text={source} language={language} />
      {cell.outputs?.map((output, index) => (
        <OutputView key={index} output={output} origin={origin} />
      ))}
    </section>
  );
}

function Code({ text, language }: { readonly text: string; readonly language: string }) {
  const [lines, setLines] = useState<readonly Line[]>();
  useEffect(() => {
    let isCurrent = true;
    void highlight(text, language).then((made) => isCurrent && setLines(made));
    return () => {
      isCurrent = false;
    };
  }, [text, language]);
  return <Block lines={lines ?? plainLines(text)} />;
}

function Block({ lines }: { readonly lines: readonly Line[] }) {
  return (
    <pre class="code">
      {lines.map((line, at) => (
        <div key={at}>
          {line.map((span, index) => (
            <span key={index} class={span.class} style={span.style}>
              {span.text}
            </span>
          ))}
        </div>
      ))}
    </pre>
  );
}

const PICTURES = ['image/png', 'image/jpeg', 'image/gif', 'image/webp', 'image/svg+xml'];

/** The richest form that an output has. */
function OutputView({ output, origin }: { readonly output: Output; readonly origin: Origin }) {
  const { data = {}, traceback, text } = output;
  const picture = PICTURES.find((type) => data[type] !== undefined);
  if (picture !== undefined) {
    const content = joined(data[picture]);
    const encoded = picture.endsWith('xml') ? encodeURIComponent(content) : content.trim();
    const coding = picture.endsWith('xml') ? '' : ';base64';
    return <img alt="Output" src={`data:${picture}${coding},${encoded}`} />;
  }
  if (data['text/html'] !== undefined) {
    return <Html text={joined(data['text/html'])} origin={origin} />;
  }
  if (data['text/markdown'] !== undefined) {
    return <Markdown text={joined(data['text/markdown'])} origin={origin} />;
  }
  const printed = traceback ? traceback.join('\n') : joined(text ?? data['text/plain']);
  return <Block lines={terminalLines(printed)} />;
}
