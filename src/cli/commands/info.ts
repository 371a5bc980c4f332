import { showBytes } from '../../quantities.ts';
import { type StoreFacts, storeFacts } from '../../runner/index.ts';
import { json } from '../arguments.ts';
import { defineCommand } from '../command.ts';
import { openStoreOf } from '../open-store.ts';
import { printJson, printLine } from '../output.ts';
import { table } from '../styled-text.ts';
import { showTime, type Zone } from '../units.ts';

export const command = defineCommand({
  examples: [
    ['taskfs info', 'What is in the store, and how it is set up'],
    ['taskfs info --json', 'The same for a program'],
  ],
  build: (parser) => parser.option('json', json()),
  run: async ({ options }) => {
    const facts = storeFacts(openStoreOf(options));
    if (options.json) await printJson(facts);
    else for (const line of table(rows(facts, options))) await printLine(line);
    return 0;
  },
});

function rows(facts: StoreFacts, zone: Zone): [string, string][] {
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
    ['Policy:', policy === null ? 'everything is kept' : rulesFor(policy)],
  ];
}

function rulesFor(selectors: readonly string[]): string {
  const what = selectors.length > 0 ? `rules for ${selectors.join('; ')}` : 'limits';
  return `${what}: 'taskfs policy' shows it`;
}

const counts = (all: Readonly<Record<string, number>>): string[] =>
  Object.entries(all).map(([name, count]) => `${count} ${name}`);
