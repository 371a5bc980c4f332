import { showBytes, showDuration } from '../../quantities.ts';
import type { TaskRow } from '../protocol.ts';
import { runTime, showTime } from './format.ts';
import { now } from './state.ts';

/** What is known of a task as a whole. */
export function TaskFacts({ task }: { readonly task: TaskRow }) {
  const took = runTime(task, now.value);
  const facts: readonly (readonly [name: string, value: string | null])[] = [
    ['Command', task.command],
    ['Status', task.words],
    ['Reason', task.reason],
    ['Exit code', task.exitCode === null ? null : String(task.exitCode)],
    ['Queued', showTime(task.createdAt)],
    ['Started', showTime(task.startedAt)],
    ['Ended', showTime(task.endedAt)],
    ['Sealed', showTime(task.sealedAt)],
    ['Duration', took === undefined ? null : showDuration(took)],
    ['Files', task.files === null ? null : `${task.files}, ${showBytes(task.bytes ?? 0)}`],
  ];
  return (
    <dl class="facts-list">
      {facts.map(
        ([name, value]) =>
          value && (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ),
      )}
    </dl>
  );
}

const LABELS = { live: 'Live', sealing: 'Sealing', sealed: 'Archived', kept: 'Kept' };

/** Where the task's files are, in one word and colour. */
export function TaskLabel({ task }: { readonly task: TaskRow }) {
  return <span class={`label ${task.artifacts}`}>{LABELS[task.artifacts]}</span>;
}
