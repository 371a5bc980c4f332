import { useMemo } from 'preact/hooks';
import { addressOf } from '../api.ts';
import type { ViewProps } from '../content.ts';
import { useHighlighted } from '../highlight.ts';
import { Lines } from '../lines.tsx';
import { terminalLines } from '../terminal.ts';
import { versionOf } from '../tree.ts';
import { Follow, useWindow, WindowBar } from '../window.tsx';

/** What a control sequence of a terminal begins with. */
const CONTROL_SEQUENCE = '\u001b[';

/**
 * Text with line numbers, in the colours of its language, or in those that a program printed; it
 * can be followed while it grows.
 */
export function TextView({ task, facts }: ViewProps) {
  const window = useWindow(addressOf(task, 'content', facts.ref), versionOf(facts), 0);
  const text = window.content ? window.part.text : '';
  const isPrinted = text.includes(CONTROL_SEQUENCE);
  const highlighted = useHighlighted(isPrinted ? '' : text, facts.path);
  const printed = useMemo(() => terminalLines(isPrinted ? text : ''), [text, isPrinted]);
  if (!window.content) return <p class="faint">{window.problem}</p>;
  return (
    <div class="fill">
      <Follow of={window} />
      <WindowBar of={window} />
      <Lines lines={isPrinted ? printed : highlighted} label={facts.path} window={window} />
    </div>
  );
}
