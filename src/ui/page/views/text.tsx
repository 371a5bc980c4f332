import { addressOf } from '../api.ts';
import type { ViewProps } from '../content.ts';
import { useHighlighted } from '../highlight.ts';
import { Lines } from '../lines.tsx';
import { versionOf } from '../tree.ts';
import { Follow, useWindow, WindowBar } from '../window.tsx';

/** Text with line numbers, in the colours of its language; it can be followed while it grows. */
export function TextView({ task, facts }: ViewProps) {
  const window = useWindow(addressOf(task, 'content', facts.ref), versionOf(facts), 0);
  const lines = useHighlighted(window.content ? window.part.text : '', facts.path);
  if (!window.content) return <p class="faint">{window.problem}</p>;
  return (
    <div class="fill">
      <Follow of={window} />
      <WindowBar of={window} />
      <Lines lines={lines} label={facts.path} window={window} />
    </div>
  );
}
