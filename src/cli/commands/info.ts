import { statfsSync } from 'node:fs';
import { showBytes } from '../../quantities.ts';
import { readPolicy, selectorKey } from '../../retention/index.ts';
import { sizeOfFlat, type TaskView, viewTasks } from '../../runner/index.ts';
import {
  hasKeys,
  isProtected,
  listRecipients,
  readAnchor,
  type Store,
  taskPaths,
} from '../../store/index.ts';
import { json } from '../arguments.ts';
import { defineCommand } from '../command.ts';
import { openStoreOf } from '../open-store.ts';
import { printJson, printLine } from '../output.ts';
import { showTime, type Zone } from '../units.ts';
import { table } from '../words.ts';

export const command = defineCommand({
  examples: [
    ['taskfs info', 'What is in the store, and how it is set up'],
    ['taskfs info --json', 'The same for a program'],
  ],
  build: (parser) => parser.option('json', json()),
  run: async ({ options }) => {
    const facts = factsOf(openStoreOf(options));
    if (options.json) await printJson(facts);
    else for (const line of table(rows(facts, options))) await printLine(line);
    return 0;
  },
});

interface Facts {
  readonly store: string;
  /** How many tasks there are of each state of their files, and of each status. */
  readonly tasks: number;
  readonly artifacts: Readonly<Record<string, number>>;
  readonly status: Readonly<Record<string, number>>;
  readonly unreadable: number;
  readonly pinned: number;
  /** What all archives take, and what is free on their file system. */
  readonly archiveBytes: number;
  readonly freeBytes: number;
  readonly oldest: string | null;
  readonly newest: string | null;
  readonly recipients: readonly string[];
  readonly isProtected: boolean;
  readonly isAnchored: boolean;
  /** The tasks that the policy has rules about. */
  readonly policy: readonly string[] | null;
}

function factsOf(store: Store): Facts {
  const { tasks, unreadable } = viewTasks(store);
  const { bavail, bsize } = statfsSync(store.path);
  return {
    store: store.path,
    tasks: tasks.length + unreadable.length,
    artifacts: countBy(tasks, ({ artifacts }) => artifacts),
    status: countBy(tasks, ({ status }) => status),
    unreadable: unreadable.length,
    pinned: tasks.filter(({ pinned }) => pinned).length,
    archiveBytes: tasks.reduce((sum, { task }) => sum + archiveBytes(store, task), 0),
    freeBytes: bavail * bsize,
    oldest: tasks.at(0)?.createdAt ?? null,
    newest: tasks.at(-1)?.createdAt ?? null,
    recipients: hasKeys(store) ? listRecipients(store).map(({ label }) => label) : [],
    isProtected: hasKeys(store) && isProtected(store),
    isAnchored: readAnchor(store) !== undefined,
    policy: readPolicy(store)?.rules.map(({ select }) => selectorKey(select)) ?? null,
  };
}

const archiveBytes = (store: Store, task: TaskView['task']): number =>
  sizeOfFlat(taskPaths(store, task).archive);

function countBy(
  tasks: readonly TaskView[],
  of: (task: TaskView) => string,
): Record<string, number> {
  const groups = Object.groupBy(tasks, of);
  return Object.fromEntries(Object.entries(groups).map(([name, all = []]) => [name, all.length]));
}

function rows(facts: Facts, zone: Zone): [string, string][] {
  const { artifacts, status, unreadable, pinned, oldest, newest, policy } = facts;
  const at = (time: string): string => showTime(time, zone);
  return [
    ['Store:', facts.store],
    ['Tasks:', [String(facts.tasks), ...counts(status)].join(', ')],
    ['Files:', counts(artifacts).join(', ') || 'none'],
    ...(unreadable > 0 ? [['Unreadable:', String(unreadable)] satisfies [string, string]] : []),
    ['Pinned:', String(pinned)],
    ['Archives:', `${showBytes(facts.archiveBytes)}, ${showBytes(facts.freeBytes)} free`],
    ['From, to:', oldest === null ? 'no tasks' : `${at(oldest)}, ${at(newest ?? oldest)}`],
    ['Readers:', facts.recipients.join(', ') || 'no keys yet'],
    ['Passphrase:', facts.isProtected ? 'yes' : 'no'],
    ['Anchor:', facts.isAnchored ? 'yes' : "no; 'taskfs anchor' sets one"],
    ['Policy:', policy === null ? 'everything is kept' : policy.join('; ') || 'limits only'],
  ];
}

const counts = (all: Readonly<Record<string, number>>): string[] =>
  Object.entries(all).map(([name, count]) => `${count} ${name}`);
