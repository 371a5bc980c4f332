import { useEffect, useMemo, useState } from 'preact/hooks';
import { VirtualList } from './virtual-list.tsx';
import type { TextWindow } from './window.tsx';

/** A piece of a line in one style. */
export interface Span {
  readonly text: string;
  readonly class?: string | undefined;
  readonly style?: Readonly<Record<string, string>> | undefined;
}

export type Line = readonly Span[];

const ROW_HEIGHT = 19;
/** A line without an end would make a browser slow. */
const MAX_COLUMNS = 5_000;

interface Props {
  readonly lines: readonly Line[];
  readonly label: string;
  /** The part of the text that they are. */
  readonly window: TextWindow;
}

/** Lines with a search in them, and with numbers where these are known. */
export function Lines({ lines, label, window }: Props) {
  const { from, part, searchOn } = window;
  const [wanted, setWanted] = useState('');
  const [match, setMatch] = useState(0);
  const matches = useMemo(() => matchesIn(lines, wanted), [lines, wanted]);
  useEffect(() => setMatch(0), [wanted, part.start]);
  const current = matches[match] ?? -1;
  const step = (by: number): void => {
    if (matches.length > 0) setMatch((match + by + matches.length) % matches.length);
  };
  return (
    <>
      <div class="bar search" role="search">
        <input
          type="search"
          placeholder="Search"
          aria-label={`Search in ${label}`}
          value={wanted}
          onInput={({ currentTarget }) => setWanted(currentTarget.value)}
          onKeyDown={({ key, shiftKey }) => key === 'Enter' && step(shiftKey ? -1 : 1)}
        />
        {wanted !== '' && (
          <>
            <span class="faint">
              {matches.length === 0 ? 'nothing' : `${match + 1} of ${matches.length} lines`}
            </span>
            <button type="button" aria-label="Previous match" onClick={() => step(-1)}>
              ↑
            </button>
            <button type="button" aria-label="Next match" onClick={() => step(1)}>
              ↓
            </button>
            {searchOn && (
              <button type="button" onClick={() => searchOn(wanted)}>
                Search on
              </button>
            )}
          </>
        )}
      </div>
      <VirtualList
        key={part.start}
        isWide
        class="code"
        count={lines.length}
        rowHeight={ROW_HEIGHT}
        current={current}
        isFollowing={from === 'end'}
        role="region"
        aria-label={label}
        tabIndex={0}
        row={(index) => (
          <div
            key={index}
            class={`line ${index === current ? 'match' : ''}`}
            style={{ height: `${ROW_HEIGHT}px` }}
          >
            <span class="number" aria-hidden="true">
              {part.start === 0 && index + 1}
            </span>
            <code>{(lines[index] ?? []).map(showSpan)}</code>
          </div>
        )}
      />
    </>
  );
}

function showSpan({ text, ...attributes }: Span, index: number) {
  const shown = text.length > MAX_COLUMNS ? `${text.slice(0, MAX_COLUMNS)}…` : text;
  return (
    <span key={index} {...attributes}>
      {shown}
    </span>
  );
}

function matchesIn(lines: readonly Line[], wanted: string): number[] {
  if (wanted === '') return [];
  const needle = wanted.toLowerCase();
  const found: number[] = [];
  for (const [index, line] of lines.entries()) {
    const text = line.map((span) => span.text).join('');
    if (text.toLowerCase().includes(needle)) found.push(index);
  }
  return found;
}

/** Lines in one style; without the empty one after the last line end. */
export function plainLines(text: string): Line[] {
  const lines = text.split(/\r?\n/);
  if (lines.at(-1) === '') lines.pop();
  return lines.map((line) => [{ text: line }]);
}
