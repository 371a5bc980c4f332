import { matchesGlob } from 'node:path';
import type { Status } from '../store/index.ts';

/** Which tasks a rule is about: those that fulfil each condition that is there. */
export interface Selector {
  readonly status?: readonly Status[];
  /** A pattern as the shell's, of which the whole name is one match. */
  readonly name?: string;
  /** A value of null stands for any. */
  readonly labels?: Readonly<Record<string, string | null>>;
}

/** What of a task a selector looks at. */
export interface Selectable {
  readonly task: string;
  readonly status: Status;
  readonly labels?: Readonly<Record<string, string>> | undefined;
}

/** Whether a task fulfils all conditions of a selector; one without conditions selects all. */
export function matches({ status, name, labels = {} }: Selector, task: Selectable): boolean {
  if (status && !status.includes(task.status)) return false;
  if (name !== undefined && !matchesGlob(task.task, name)) return false;
  return Object.entries(labels).every(([label, value]) => {
    const own = task.labels?.[label];
    return own !== undefined && (value === null || value === own);
  });
}

/** Whether a selector has no condition. */
export const selectsAll = (select: Selector): boolean => Object.keys(select).length === 0;

/** A selector in words, and the same for each that selects by the same conditions. */
export function selectorKey({ status, name, labels = {} }: Selector): string {
  const words = [
    ...(status ? [`status ${[...status].sort().join(' or ')}`] : []),
    ...(name === undefined ? [] : [`name ${name}`]),
    ...Object.entries(labels)
      .map(([label, value]) => `label ${label}${value === null ? '' : `=${value}`}`)
      .sort(),
  ];
  return words.length === 0 ? 'all tasks' : words.join(', ');
}
