import { printableText } from '../printable.ts';
import type { TaskRecord } from '../store/index.ts';
import type { Style } from '../terminal/index.ts';

/** Tasks in the order in which they are shown: those with plain files first, the newest on top. */
export function inOrder(tasks: Iterable<TaskRecord>): TaskRecord[] {
  return [...tasks].sort((a, b) => rank(a) - rank(b) || (a.createdAt < b.createdAt ? 1 : -1));
}

const rank = ({ artifacts }: TaskRecord): number => (artifacts === 'sealed' ? 1 : 0);

/** Where a task's files are, in a word for a person. */
export const MODES: Readonly<Record<TaskRecord['artifacts'], string>> = {
  live: 'Live',
  sealing: 'Sealing',
  sealed: 'Archived',
  kept: 'Kept',
};

/** How a task looks: green while its files are live, yellow where sealing failed. */
export function styleOf({ artifacts }: TaskRecord): readonly Style[] {
  if (artifacts === 'kept') return ['yellow'];
  return artifacts === 'sealed' ? [] : ['green'];
}

/** How a task stands, with the reason where it went wrong. */
export function statusOf(record: TaskRecord): string {
  const { status, paused, reason, sealError } = record;
  const stands = status === 'running' && paused ? 'paused' : status;
  const why = sealError ?? (status === 'failed' ? reason : null);
  return why === null ? stands : `${stands} (${printableText(why)})`;
}

/** Mode and status in the one word that matters, where there is room for no more. */
export function wordOf({ status, artifacts, paused }: TaskRecord): string {
  if (artifacts === 'sealed') return status;
  if (artifacts !== 'live' || (status === 'running' && !paused)) return MODES[artifacts];
  return paused ? 'paused' : status;
}

/** Since when a task stands as it does, in milliseconds since the epoch. */
export const since = ({ endedAt, startedAt, createdAt }: TaskRecord): number =>
  Date.parse(endedAt ?? startedAt ?? createdAt);

/** Whether a task's name has a text in it, or its status does; in any case of letters. */
export function matchesFilter(record: TaskRecord, filter: string): boolean {
  const words = `${record.task} ${record.status} ${MODES[record.artifacts]}`;
  return words.toLowerCase().includes(filter.toLowerCase());
}
