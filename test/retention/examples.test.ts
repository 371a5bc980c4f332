import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import yargs from 'yargs';
import { addRetentionOptions, policyOf } from '../../src/cli/retention-options.ts';
import { type Candidate, decide, type Policy } from '../../src/retention/index.ts';
import { parseTaskName } from '../../src/store/index.ts';

/** The rows of the table of examples in docs/retention.md. */
const rows = readFileSync(join(import.meta.dirname, '../../docs/retention.md'), 'utf8')
  .split('## Examples')[1]
  ?.split('\n')
  .filter((line) => /^\| \d/.test(line))
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .map(([, sealed = '', options = '', kept = '']) => ({ sealed, options, kept })) as {
  sealed: string;
  options: string;
  kept: string;
}[];

const NOW = new Date('2026-03-31T12:00').getTime();

function candidateOf(name: string): Candidate {
  const sealedMs = new Date(`2026-${name.includes('T') ? name : `${name}T12`}:00`).getTime();
  return {
    task: parseTaskName(`at-${name}`),
    status: 'completed',
    sealedMs,
    agedFromMs: sealedMs,
    isAgeInDoubt: false,
    measure: () => 100,
    isPinned: false,
  };
}

const listOf = (cell: string): string[] => (cell === 'none' ? [] : cell.split(', '));

function keptBy(policy: Policy, candidates: readonly Candidate[]): string[] {
  return decide(candidates.toReversed(), policy, NOW)
    .filter(({ keep }) => keep)
    .map(({ task }) => task)
    .reverse();
}

describe('docs/retention.md is right', () => {
  test('the table is there', () => expect(rows.length).toBeGreaterThan(15));

  test.each(rows)('$options of $sealed keeps $kept', async ({ sealed, options, kept }) => {
    const words = /`(.*?)`/.exec(options)?.[1]?.split(' ') ?? [];
    const given = await addRetentionOptions(yargs()).parse(words);
    const names = keptBy(policyOf(given), listOf(sealed).map(candidateOf));
    expect(names).toEqual(listOf(kept).map((name) => `at-${name}`));
  });
});

describe('a policy of several rules', () => {
  const all = ['03-01', '03-02', '03-03', '03-30'].map(candidateOf);
  const failed = (at: number) =>
    all.map((each, place) => (place === at ? { ...each, status: 'failed' as const } : each));

  test('keeps what any rule keeps, and what no rule is about', () => {
    const longer: Policy = {
      rules: [
        { select: {}, keep: { last: 1 } },
        { select: { status: ['failed'] }, keep: { last: 5 } },
      ],
    };
    expect(keptBy(longer, failed(1))).toEqual(['at-03-02', 'at-03-30']);
    const onlyFailed: Policy = { rules: [{ select: { status: ['failed'] }, keep: { last: 0 } }] };
    expect(keptBy(onlyFailed, failed(1))).toEqual(['at-03-01', 'at-03-03', 'at-03-30']);
  });

  test('selects by name and label', () => {
    const byName: Policy = { rules: [{ select: { name: 'at-03-0*' }, keep: { last: 1 } }] };
    expect(keptBy(byName, all)).toEqual(['at-03-03', 'at-03-30']);
    const labelled = all.map((each, place) => ({ ...each, labels: { place: String(place) } }));
    const byLabel: Policy = { rules: [{ select: { labels: { place: '2' } }, keep: { last: 0 } }] };
    expect(keptBy(byLabel, labelled)).toEqual(['at-03-01', 'at-03-02', 'at-03-30']);
    const byAny: Policy = { rules: [{ select: { labels: { place: null } }, keep: { last: 0 } }] };
    expect(keptBy(byAny, labelled)).toEqual([]);
  });

  test('never removes what is pinned, and counts its size', () => {
    const pinned = all.map((each, place) => ({ ...each, isPinned: place === 0 }));
    const policy: Policy = { rules: [{ select: {}, keep: { last: 0 } }], maxBytes: 0, maxAgeMs: 0 };
    expect(keptBy(policy, pinned)).toEqual(['at-03-01']);
    expect(keptBy({ rules: [], maxBytes: 200 }, pinned)).toEqual(['at-03-01', 'at-03-30']);
  });
});
