import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import type { Keep } from '../../src/retention/index.ts';
import {
  clockInDoubt,
  planPrune,
  recover,
  removeDecided,
  removeTasks,
} from '../../src/runner/index.ts';
import type { Store } from '../../src/store/index.ts';
import { endedTask, storeWithKeys } from '../support/sealable.ts';

afterEach(() => void vi.useRealTimers());

const DAY_MS = 24 * 3600 * 1000;

/** Seals a task while the clock is wrong by so many days. */
async function sealAt(store: Store, name: string, days: number): Promise<void> {
  setClock(days);
  endedTask(store, name);
  await recover(store, { scope: 'all' });
  setClock(0);
}

function setClock(days: number): void {
  vi.useRealTimers();
  if (days !== 0) vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + days * DAY_MS });
}

it('decides about no task of which an edit was not written back', async () => {
  const { store } = endedTask(await storeWithKeys(), 'edited');
  endedTask(store, 'other');
  await recover(store, { scope: 'all' });
  mkdirSync(join(store.path, 'edits/edited-a1b2c3'), { recursive: true });
  const decisions = planPrune(store, { rules: [], maxAgeMs: -1 });
  expect(decisions).toMatchObject([{ task: 'other', keep: false }]);
});

it('keeps the newest where the chain of seals is lost', async () => {
  const { store } = endedTask(await storeWithKeys(), 'older');
  await recover(store, { scope: 'all' });
  endedTask(store, 'newer');
  await recover(store, { scope: 'all' });
  rmSync(join(store.path, 'seals.jsonl'));
  const kept = planPrune(store, { rules: [{ select: {}, keep: { last: 1 } }] });
  expect(kept.filter(({ keep }) => keep)).toMatchObject([{ task: 'newer' }]);
});

it('leaves a task alone that got the name of one which is to be removed', async () => {
  const { store, task, paths } = endedTask(await storeWithKeys(), 'again');
  endedTask(store, 'other');
  await recover(store, { scope: 'all' });
  const decisions = planPrune(store, { rules: [], maxAgeMs: -1 });
  await removeTasks(store, [task]);
  endedTask(store, 'again');
  await recover(store, { scope: 'all' });
  expect(await removeDecided(store, decisions)).toMatchObject({
    removed: ['other'],
    failed: [{ task, error: { kind: 'usage', message: 'task again is another one by now' } }],
  });
  expect(existsSync(paths.archive)).toBe(true);
});

it('removes nothing for its age on the word of a clock that is, or was, wrong', async () => {
  const store = await storeWithKeys();
  await sealAt(store, 'first', 0);
  await sealAt(store, 'behind', -20_000);
  await sealAt(store, 'last', 0);
  const removedBy = (keep: Keep, maxAgeMs?: number): string[] =>
    planPrune(store, { rules: [{ select: {}, keep }], ...(maxAgeMs && { maxAgeMs }) })
      .filter((decision) => !decision.keep)
      .map(({ task }) => task);
  const month = 30 * DAY_MS;
  // A later seal than that of `first` is no older.
  expect(removedBy({ newerThanMs: month })).toEqual([]);
  await sealAt(store, 'ahead', 1_000);
  // What bears a time that is to come is not the newest by which others are judged.
  expect(removedBy({ withinMs: month })).toEqual([]);

  setClock(1_001);
  expect(removedBy({ newerThanMs: month })).toEqual([]);
  expect(removedBy({ withinMs: month })).toEqual([]);
  expect(removedBy({ last: 9 }, month)).toEqual([]);
  const aged = planPrune(store, { rules: [], maxAgeMs: month });
  expect(clockInDoubt(aged)?.message).toMatch(/^task first and 2 more did not go for their age/);
  // The way out, which does not ask the clock.
  expect(removedBy({ last: 1 })).toEqual(['first', 'behind', 'last']);
  // What is sealed from then on is judged as ever, while the others stay.
  setClock(1_050);
  expect(removedBy({ newerThanMs: month })).toEqual(['ahead']);
});
