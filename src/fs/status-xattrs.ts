import type { TaskRecord } from '../store/index.ts';

/**
 * The extended attributes by which programs tell live files from archived ones. They answer on
 * every file of a task, and are listed on the task's directory only: a copy of a file that keeps
 * its attributes must not carry them along (../store/own-xattrs.ts). Gives names without their
 * prefix, and values, from the record; `mode` says where the files are.
 */
export function statusXattrs(
  record: TaskRecord,
  mode: 'live' | 'archived',
): ReadonlyMap<string, string> {
  const { task, status, artifacts, reason, createdAt, endedAt, sealedAt } = record;
  const values: [string, string | null][] = [
    ['task', task],
    ['status', status],
    ['mode', mode],
    ['artifacts', artifacts],
    ['reason', reason],
    ['created', createdAt],
    ['ended', endedAt],
    ['sealed', sealedAt],
  ];
  return new Map(values.filter((entry): entry is [string, string] => entry[1] !== null));
}
