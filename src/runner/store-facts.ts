import { statfsSync } from 'node:fs';
import { archiveSize } from '../archive/index.ts';
import { readPolicy, selectorKey } from '../retention/index.ts';
import { hasKeys, isProtected, listRecipients, readAnchor, type Store } from '../store/index.ts';
import { type TaskView, viewTasks } from './view.ts';

/** What is in a store, and how it is set up. */
export interface StoreFacts {
  readonly store: string;
  /** How many tasks there are, of each state of their files, and of each status. */
  readonly tasks: number;
  readonly artifacts: Readonly<Record<string, number>>;
  readonly status: Readonly<Record<string, number>>;
  readonly unreadable: number;
  readonly pinned: number;
  /** What all archives take, and what is free on their file system. */
  readonly archiveBytes: number;
  readonly freeBytes: number;
  /** When the first and the last task that is there was made, in ISO 8601. */
  readonly oldest: string | null;
  readonly newest: string | null;
  /** The labels of those who can open its archives. */
  readonly recipients: readonly string[];
  /** Whether its identity has a passphrase. */
  readonly isProtected: boolean;
  readonly isAnchored: boolean;
  /** The tasks that the policy has rules about. */
  readonly policy: readonly string[] | null;
}

/** The facts of a store, as `info --json` shows them. Throws `damaged`, `failed`. */
export function storeFacts(store: Store): StoreFacts {
  const { tasks, unreadable } = viewTasks(store);
  const { bavail, bsize } = statfsSync(store.path);
  return {
    store: store.path,
    tasks: tasks.length + unreadable.length,
    artifacts: countBy(tasks, ({ artifacts }) => artifacts),
    status: countBy(tasks, ({ status }) => status),
    unreadable: unreadable.length,
    pinned: tasks.filter(({ pinned }) => pinned).length,
    archiveBytes: tasks.reduce((sum, { task }) => sum + archiveSize(store, task), 0),
    freeBytes: bavail * bsize,
    oldest: tasks.at(0)?.createdAt ?? null,
    newest: tasks.at(-1)?.createdAt ?? null,
    recipients: hasKeys(store) ? listRecipients(store).map(({ label }) => label) : [],
    isProtected: hasKeys(store) && isProtected(store),
    isAnchored: readAnchor(store) !== undefined,
    policy: readPolicy(store)?.rules.map(({ select }) => selectorKey(select)) ?? null,
  };
}

function countBy(
  tasks: readonly TaskView[],
  of: (task: TaskView) => string,
): Record<string, number> {
  const groups = Object.groupBy(tasks, of);
  return Object.fromEntries(Object.entries(groups).map(([name, all = []]) => [name, all.length]));
}
