import { useEffect, useRef, useState } from 'preact/hooks';
import type { ViewProps } from '../content.ts';
import { fileAddress, go, ticket, tree } from '../state.ts';
import { isPicture, versionOf } from '../tree.ts';

/**
 * A picture, shown again when the task writes it again. Half of one, while it is being written,
 * does not replace what is shown.
 */
export function PictureView({ task, facts }: ViewProps) {
  const [shown, setShown] = useState('');
  const [isWhole, setWhole] = useState(true);
  const [size, setSize] = useState('');
  const version = versionOf(facts);
  const wanted = ticket.value === '' ? '' : fileAddress(task, facts.ref, version);
  useEffect(() => {
    if (wanted === '') return;
    const picture = new Image();
    picture.onload = () => {
      setShown(wanted);
      setSize(`${picture.naturalWidth} × ${picture.naturalHeight}`);
    };
    picture.onerror = () => setSize('cannot be shown (yet)');
    picture.src = wanted;
    return () => {
      picture.onload = null;
      picture.onerror = null;
    };
  }, [wanted]);
  const canvas = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (wasStepped) canvas.current?.focus();
    wasStepped = false;
  }, []);
  const press = (event: KeyboardEvent): void => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    // At its actual size the keys scroll it.
    if (by === undefined || !isWhole) return;
    event.preventDefault();
    wasStepped = true;
    step(task, facts.ref, by);
  };
  return (
    <div class="fill picture">
      <div class="bar">
        <button
          type="button"
          onClick={() => step(task, facts.ref, -1)}
          aria-label="Previous picture"
        >
          ←
        </button>
        <button type="button" onClick={() => step(task, facts.ref, 1)} aria-label="Next picture">
          →
        </button>
        <button type="button" aria-pressed={!isWhole} onClick={() => setWhole(!isWhole)}>
          Actual size
        </button>
        <span class="faint">{size}</span>
      </div>
      <div
        ref={canvas}
        onKeyDown={press}
        class={`scroller canvas ${isWhole ? 'whole' : ''}`}
        tabIndex={0}
        role="region"
        aria-label="Picture"
      >
        {shown && <img src={shown} alt={facts.path} />}
      </div>
    </div>
  );
}

/** Whether a key has led to the picture, which then goes on hearing keys. */
let wasStepped = false;

/** Goes to the next picture of the task. */
function step(task: string, file: string, by: number): void {
  const pictures = [...tree.peek().files.all()].filter(isPicture).map(({ ref }) => ref);
  const at = pictures.indexOf(file);
  const next = pictures[(at + by + pictures.length) % pictures.length];
  if (next !== undefined) go({ task, show: 'file', file: next });
}
