import { useMemo, useState } from 'preact/hooks';
import type { ViewProps } from '../content.ts';
import { useText, WHOLE } from '../content.ts';
import { TextView } from './text.tsx';

/** So many members of a value are shown at a time. */
const PAGE = 200;

/** JSON, folded below its first level; as text where it is none, such as while it is written. */
export function JsonView({ task, facts }: ViewProps) {
  const { text, problem } = useText(task, facts, WHOLE);
  const value = useMemo(() => parse(text), [text]);
  if (text === undefined) return <p class="faint">{problem ?? 'reading…'}</p>;
  if (value === undefined) return <TextView task={task} facts={facts} />;
  return (
    <div class="fill scroller json code" tabIndex={0} role="region" aria-label={facts.path}>
      <JsonValue value={value.parsed} isOpen />
    </div>
  );
}

function parse(text: string | undefined): { readonly parsed: unknown } | undefined {
  try {
    return { parsed: JSON.parse(text ?? '') };
  } catch {
    return undefined;
  }
}

interface ValueProps {
  readonly name?: string;
  readonly value: unknown;
  readonly isOpen?: boolean;
}

export function JsonValue({ name, value, isOpen = false }: ValueProps) {
  const [open, setOpen] = useState(isOpen);
  const [shown, setShown] = useState(PAGE);
  const label = name === undefined ? '' : `${JSON.stringify(name)}: `;
  if (typeof value !== 'object' || value === null) {
    return (
      <div class="leaf">
        <span class="hljs-attr">{label}</span>
        <span class={CLASSES[typeof value] ?? 'hljs-literal'}>{JSON.stringify(value)}</span>
      </div>
    );
  }
  const members = Object.entries(value);
  const count = members.length;
  const summary = Array.isArray(value) ? `[ ${count} ]` : `{ ${count} }`;
  return (
    <details open={open} onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary>
        <span class="hljs-attr">{label}</span>
        <span class="faint">{summary}</span>
      </summary>
      {open &&
        members
          .slice(0, shown)
          .map(([key, member]) => <JsonValue key={key} name={key} value={member} />)}
      {open && count > shown && (
        <button type="button" onClick={() => setShown(shown + PAGE)}>
          {count - shown} more
        </button>
      )}
    </details>
  );
}

const CLASSES: Readonly<Record<string, string>> = { string: 'hljs-string', number: 'hljs-number' };
