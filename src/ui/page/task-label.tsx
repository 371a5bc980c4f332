import type { TaskRow } from '../protocol.ts';

const LABELS = { live: 'Live', sealing: 'Sealing', sealed: 'Archived', kept: 'Kept' };

/** Where the task's files are, in one word and colour. */
export function TaskLabel({ task }: { readonly task: TaskRow }) {
  return <span class={`label ${task.artifacts}`}>{LABELS[task.artifacts]}</span>;
}
