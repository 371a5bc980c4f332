import { computed, signal } from '@preact/signals';
import { showBytes, showDuration } from '../../quantities.ts';
import type { TaskRow } from '../protocol.ts';
import { runTime } from './format.ts';
import { go, now, place, tasks, unreadableTasks } from './state.ts';
import { TaskLabel } from './task-facts.tsx';
import { moveBy, VirtualList } from './virtual-list.tsx';

const STATES = ['live', 'sealing', 'kept', 'running', 'queued', 'completed', 'failed', 'cancelled'];

const nameFilter = signal('');
const stateFilter = signal('');

/** What the filters leave, newest first. */
export const shownTasks = computed<readonly TaskRow[]>(() => {
  const name = nameFilter.value.toLowerCase();
  const state = stateFilter.value;
  return [...tasks.value.values()]
    .filter((row) => name === '' || row.task.toLowerCase().includes(name))
    .filter((row) => state === '' || row.status === state || row.artifacts === state)
    .sort((a, b) => (a.createdAt < b.createdAt ? 1 : a.createdAt > b.createdAt ? -1 : 0));
});

const ROW_HEIGHT = 52;

export function TasksPane() {
  const shown = shownTasks.value;
  const at = shown.findIndex(({ task }) => task === place.value.task);
  const press = (event: KeyboardEvent): void => {
    const to = moveBy(event.key, at, shown.length);
    const task = to === undefined ? undefined : shown[to]?.task;
    if (task === undefined) return;
    event.preventDefault();
    go({ task });
  };
  return (
    <nav class="pane tasks" aria-label="Tasks">
      <div class="bar">
        <input
          id="task-filter"
          type="search"
          placeholder="Filter by name"
          aria-label="Filter tasks by name"
          value={nameFilter.value}
          onInput={({ currentTarget }) => (nameFilter.value = currentTarget.value)}
        />
        <select
          aria-label="Filter tasks by state"
          value={stateFilter.value}
          onChange={({ currentTarget }) => (stateFilter.value = currentTarget.value)}
        >
          <option value="">all</option>
          {STATES.map((state) => (
            <option key={state}>{state}</option>
          ))}
        </select>
      </div>
      <p class="count faint">{count(shown.length, tasks.value.size)}</p>
      <Unreadable />
      {shown.length > 0 && (
        <VirtualList
          count={shown.length}
          rowHeight={ROW_HEIGHT}
          current={at}
          role="listbox"
          aria-label="Tasks, newest first"
          aria-activedescendant={at >= 0 ? `task-${shown[at]?.task}` : undefined}
          tabIndex={0}
          onKeyDown={press}
          row={(index) => (
            <TaskLine
              key={shown[index]?.task}
              task={shown[index] as TaskRow}
              index={index}
              count={shown.length}
              isCurrent={index === at}
            />
          )}
        />
      )}
    </nav>
  );
}

function Unreadable() {
  const names = unreadableTasks.value;
  const [first] = names;
  if (first === undefined) return null;
  const which = names.length === 1 ? `Task ${first}` : `${names.length} tasks, such as ${first},`;
  return <p class="warning">{`${which} cannot be read: 'taskfs status ${first}' says why.`}</p>;
}

function count(shown: number, all: number): string {
  if (all === 0) return 'No tasks yet: taskfs run -- CMD starts one.';
  const tasksOf = (number: number): string => `${number} ${number === 1 ? 'task' : 'tasks'}`;
  return shown === all ? tasksOf(all) : `${shown} of ${tasksOf(all)}`;
}

interface LineProps {
  readonly task: TaskRow;
  readonly index: number;
  readonly count: number;
  readonly isCurrent: boolean;
}

function TaskLine({ task, index, count: all, isCurrent }: LineProps) {
  const took = runTime(task, task.endedAt === null ? now.value : 0);
  const facts = [
    ...(task.artifacts === 'kept' && task.reason ? [task.reason] : []),
    task.words,
    ...(took === undefined ? [] : [showDuration(took)]),
    ...(task.bytes === null ? [] : [showBytes(task.bytes)]),
  ];
  return (
    <div
      id={`task-${task.task}`}
      role="option"
      aria-selected={isCurrent}
      aria-posinset={index + 1}
      aria-setsize={all}
      class="task-line"
      style={{ height: `${ROW_HEIGHT}px` }}
      title={task.reason ?? task.command}
      onClick={() => go({ task: task.task })}
    >
      <span class="name">
        {task.pinned && '📌 '}
        {task.task}
      </span>
      <TaskLabel task={task} />
      <span class={`facts ${task.status}`}>{facts.join(' · ')}</span>
    </div>
  );
}
