import { useMemo, useState } from 'preact/hooks';
import { showBytes } from '../../quantities.ts';
import {
  type Content,
  type From,
  findAfter,
  type TextPart,
  useBytes,
  WINDOW,
  wholeLinesOf,
} from './content.ts';
import { say } from './state.ts';

/** The part of a text that is looked at, and ways to the others. */
export interface TextWindow {
  readonly from: From;
  readonly content: Content;
  readonly part: TextPart;
  /** Goes to a place, in bytes, or follows the end. */
  move(from: From): void;
  /** Goes to the next part that has a text; undefined where this is the last. */
  readonly searchOn: ((wanted: string) => void) | undefined;
}

/** A window on what an address leads to; text alone where there is none yet, or why. */
export function useWindow(
  address: string,
  version: string,
  initial: From,
): TextWindow | { readonly content?: never; readonly problem: string } {
  const [from, move] = useState<From>(initial);
  const { content, problem } = useBytes(address, version, from);
  const part = useMemo(() => content && wholeLinesOf(content), [content]);
  if (!content || !part) return { problem: problem ?? 'reading…' };
  const searchOn = (wanted: string): void => {
    findAfter(address, part.end, wanted).then(
      (found) => (found === undefined ? say(`No more '${wanted}'.`) : move(found)),
      () => say('The search was broken off: the file cannot be read.', true),
    );
  };
  return { from, content, part, move, searchOn: part.end < content.size ? searchOn : undefined };
}

/** Whether the end is kept in view. */
export function Follow({ of: { from, part, move } }: { readonly of: TextWindow }) {
  return (
    <label class="follow">
      <input
        type="checkbox"
        checked={from === 'end'}
        onChange={({ currentTarget }) => move(currentTarget.checked ? 'end' : part.start)}
      />
      Follow
    </label>
  );
}

/** Where one is in a text that is too long to be shown at once; nothing for others. */
export function WindowBar({ of: { content, part, move } }: { readonly of: TextWindow }) {
  const { size } = content;
  if (size <= WINDOW) return null;
  const shown = `${showBytes(part.start)} to ${showBytes(part.end)} of ${showBytes(size)}`;
  const button = (label: string, isPossible: boolean, to: From) => (
    <button type="button" disabled={!isPossible} onClick={() => move(to)}>
      {label}
    </button>
  );
  return (
    <div class="bar" role="group" aria-label="Part of the text">
      <span class="faint">{shown}</span>
      {button('Beginning', part.start > 0, 0)}
      {button('Earlier', part.start > 0, Math.max(0, part.start - WINDOW + 1))}
      <input
        type="range"
        aria-label="Position in the text"
        aria-valuetext={shown}
        max={size - WINDOW}
        value={part.start}
        onChange={({ currentTarget }) => move(currentTarget.valueAsNumber)}
      />
      {button('Later', part.end < size, part.end)}
      {button('End', part.end < size, 'end')}
    </div>
  );
}
