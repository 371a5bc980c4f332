import { useEffect } from 'preact/hooks';
import { Help, isHelpOpen } from './help.tsx';
import { connection, go, notice, place, server } from './state.ts';
import { TaskView } from './task-view.tsx';
import { TasksPane } from './tasks-pane.tsx';
import { Timeline } from './timeline.tsx';

export function App() {
  const { task, show } = place.value;
  useEffect(() => {
    document.title = task === undefined ? 'taskfs' : `${task} · taskfs`;
  }, [task]);
  useEffect(() => {
    window.addEventListener('keydown', pressKey);
    return () => window.removeEventListener('keydown', pressKey);
  }, []);
  const isTimeline = show === 'timeline';
  const depth = task === undefined && !isTimeline ? 'list' : show === undefined ? 'task' : 'file';
  return (
    <div class="app" data-depth={depth}>
      <header class="top">
        <h1>taskfs</h1>
        <span class="faint store">{server.value?.store}</span>
        <span class={`connection ${connection.value}`}>{CONNECTION[connection.value]}</span>
        <button type="button" aria-pressed={isTimeline} onClick={toggleTimeline}>
          Timeline
        </button>
        <button type="button" onClick={() => (isHelpOpen.value = true)}>
          Help
        </button>
      </header>
      <main>
        <TasksPane />
        {isTimeline ? <Timeline /> : <TaskView />}
      </main>
      <p class={`notice ${notice.value?.isError ? 'error' : ''}`} role="status">
        {notice.value?.text}
      </p>
      <Help />
    </div>
  );
}

const CONNECTION = {
  connecting: 'connecting…',
  open: '',
  lost: 'taskfs ui does not answer, trying again…',
  over: 'This taskfs ui has ended: open the address that a new one prints.',
};

function toggleTimeline(): void {
  const { task, show } = place.peek();
  const same = task === undefined ? {} : { task };
  go(show === 'timeline' ? same : { ...same, show: 'timeline' });
}

/** What takes keys of its own within what is shown. */
const TAKES_KEYS = 'textarea, [tabindex="0"], iframe, video, audio';

/** Whether there was something to focus. */
function focus(selector: string): boolean {
  const element = document.querySelector<HTMLElement>(selector);
  element?.focus();
  return element !== null;
}

/** Keys that work everywhere but where text is typed. */
function pressKey(event: KeyboardEvent): void {
  const { target, key } = event;
  if (target instanceof HTMLElement && target.closest('input, textarea, select, dialog')) return;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const actions: Readonly<Record<string, () => unknown>> = {
    '/': () => focus('#task-filter'),
    '?': () => (isHelpOpen.value = true),
    t: () => focus('[role=listbox]'),
    f: () => focus('[role=tree]'),
    v: () => focus(`.content :is(${TAKES_KEYS})`) || focus('.content'),
  };
  if (!Object.hasOwn(actions, key)) return;
  event.preventDefault();
  actions[key]?.();
}
