import { useEffect, useRef } from 'preact/hooks';
import { showBytes } from '../../../quantities.ts';
import type { ViewProps } from '../content.ts';
import { useText } from '../content.ts';
import { type Origin, sanitize } from '../sanitize.ts';
import { ticket } from '../state.ts';

/** So much is rendered, in bytes: more keeps a browser busy for too long. */
const RENDERED = 512 * 1024;

/** Markdown, rendered. */
export function MarkdownView({ task, facts }: ViewProps) {
  const { text, content, problem } = useText(task, facts, RENDERED);
  if (text === undefined) return <p class="faint">{problem ?? 'reading…'}</p>;
  const isCut = content !== undefined && content.size > RENDERED;
  return (
    <div class="fill scroller" tabIndex={0} role="region" aria-label={facts.path}>
      {isCut && <p class="warning">{`The first ${showBytes(RENDERED)}; Source shows all.`}</p>}
      <Markdown text={text} origin={{ task, file: facts.ref }} />
    </div>
  );
}

interface Props {
  readonly text: string;
  readonly origin: Origin;
}

export function Markdown({ text, origin }: Props) {
  return <Inert of={text} toHtml={renderMarkdown} origin={origin} />;
}

async function renderMarkdown(text: string): Promise<string> {
  const { Marked } = await import('marked');
  // What is done in a list of tasks stays visible, without elements of forms.
  const renderer = { checkbox: ({ checked }: { checked: boolean }) => (checked ? '☑ ' : '☐ ') };
  return new Marked({ gfm: true, async: true, renderer }).parse(text);
}

/** HTML that a task wrote. */
export function Html({ text, origin }: Props) {
  return <Inert of={text} toHtml={asItIs} origin={origin} />;
}

const asItIs = async (html: string): Promise<string> => html;

interface InertProps {
  readonly of: string;
  readonly toHtml: (text: string) => Promise<string>;
  readonly origin: Origin;
}

/** What is there stays until what comes next has been made. */
function Inert({ of, toHtml, origin }: InertProps) {
  const box = useRef<HTMLDivElement>(null);
  const { task, file } = origin;
  const opens = ticket.value;
  useEffect(() => {
    let isCurrent = true;
    void toHtml(of)
      .then((html) => sanitize(html, { task, file }))
      .then((fragment) => isCurrent && box.current?.replaceChildren(fragment));
    return () => {
      isCurrent = false;
    };
  }, [of, toHtml, task, file, opens]);
  return <div ref={box} class="prose" />;
}
