import { showDuration } from '../../quantities.ts';
import type { TaskRow } from '../protocol.ts';
import { showTime } from './format.ts';
import { go, now } from './state.ts';
import { shownTasks } from './tasks-pane.tsx';
import { VirtualList } from './virtual-list.tsx';

const ROW_HEIGHT = 28;

/** When each task waited, ran and was sealed, on one axis of time. */
export function Timeline() {
  const shown = shownTasks.value;
  const begin = Math.min(...shown.map(({ createdAt }) => Date.parse(createdAt)), now.value);
  const span = { begin, end: Math.max(...shown.map(endOf), begin + 1) };
  const ends = `${showTime(span.begin)} to ${showTime(span.end)}`;
  return (
    <section class="pane timeline" aria-label="Timeline">
      <p class="bar faint">
        {ends}: <span class="swatch queued">queued</span> <span class="swatch ran">ran</span>{' '}
        <span class="swatch sealed">was sealed</span>
      </p>
      <VirtualList
        count={shown.length}
        rowHeight={ROW_HEIGHT}
        role="list"
        aria-label="Tasks on a timeline, newest first"
        row={(index) => <TimelineRow key={index} task={shown[index] as TaskRow} span={span} />}
      />
    </section>
  );
}

interface Span {
  readonly begin: number;
  readonly end: number;
}

const endOf = ({ sealedAt, endedAt }: TaskRow): number =>
  sealedAt !== null || endedAt !== null ? Date.parse(sealedAt ?? endedAt ?? '') : now.value;

function TimelineRow({ task, span }: { readonly task: TaskRow; readonly span: Span }) {
  const parts = partsOf(task);
  const words = parts.map(({ what, begin, end }) => `${what} ${showDuration(end - begin)}`);
  return (
    <div role="listitem" class="timeline-row" style={{ height: `${ROW_HEIGHT}px` }}>
      <button type="button" class="link" onClick={() => go({ task: task.task })}>
        {task.task}
      </button>
      <span class="track" role="img" aria-label={words.join(', ')} title={words.join(', ')}>
        {parts.map(({ what, begin, end }) => (
          <span key={what} class={`part ${what}`} style={placeOf({ begin, end }, span)} />
        ))}
      </span>
    </div>
  );
}

function partsOf(task: TaskRow): (Span & { readonly what: 'queued' | 'ran' | 'sealed' })[] {
  const created = Date.parse(task.createdAt);
  const end = endOf(task);
  const started = task.startedAt === null ? undefined : Date.parse(task.startedAt);
  const ended = task.endedAt === null ? end : Date.parse(task.endedAt);
  return [
    { what: 'queued', begin: created, end: started ?? ended },
    ...(started === undefined ? [] : [{ what: 'ran' as const, begin: started, end: ended }]),
    ...(task.sealedAt === null ? [] : [{ what: 'sealed' as const, begin: ended, end }]),
  ];
}

function placeOf({ begin, end }: Span, span: Span): Record<string, string> {
  const percent = (time: number): number => (100 * time) / (span.end - span.begin);
  return { left: `${percent(begin - span.begin)}%`, width: `${percent(end - begin)}%` };
}
